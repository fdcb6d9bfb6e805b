"""A Ray cluster of two nodes of one core each, until standard input ends.

Prints its address and the process numbers of the two nodes. The head has no cores: nothing runs
where it is lost with the cluster.
"""

from __future__ import annotations

import os
import sys

from proxprop.cluster.settings import ClusterSettings

os.environ.update(ClusterSettings("127.0.0.1").environment)

from ray.cluster_utils import Cluster

SMALL = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
# A lost node is noticed after a second and a half.
SOON = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 500,
    "health_check_failure_threshold": 3,
}

cluster = Cluster(
    initialize_head=True,
    connect=False,
    head_node_args={**SMALL, "num_cpus": 0, "_system_config": SOON},
)
try:
    nodes = [cluster.add_node(num_cpus=1, **SMALL) for _ in range(2)]
    pids = [node.all_processes["raylet"][0].process.pid for node in nodes]
    print(cluster.address, *pids, flush=True)
    sys.stdin.read()
finally:
    cluster.shutdown()
