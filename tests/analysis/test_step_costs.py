"""The cost of a config's step, as the form shows it."""

from proxprop.analysis.questions import CostQuestion
from proxprop.analysis.step_costs import step_costs
from proxprop.spec.config import RunConfig


def test_the_cost_is_counted_without_data_or_a_step() -> None:
    config = RunConfig().replace(**{"data.name": "fashion-mnist", "direction.gram": "auto"})
    found = step_costs(CostQuestion.of(config.replace(batch_size=100)))
    assert found["running"] == ("linear2",)
    assert found["batch"] == ["linear1"]
    assert 1 < found["ratio"] < found["batch_ratio"]
    everywhere = config.replace(**{"direction.gram": "running", "batch_size": 20})
    found = step_costs(CostQuestion.of(everywhere))
    assert found["dearer"] == ["linear1", "linear2"]
