"""What the Paper page draws and says, against numbers worked out by hand."""

from __future__ import annotations

import json
import math
from dataclasses import replace

import pytest

from app.charts.theme import BLUE, GREEN, ORANGE, VERMILION
from app.components.race_link import decode
from app.paper import claims
from app.paper.curves import baseline, curves
from app.paper.picture import batch_picture, picture_of, stability_picture, training_picture
from app.paper.recordings import (
    EXPERIMENTS,
    Library,
    Recording,
    deviations,
    provenance,
)
from app.paper.run_here import command, links, race_of, run_of
from app.paper.tiles import study_tiles, training_tiles
from proxprop.paper.claims import CLAIMS, Assessment
from proxprop.paper.curves import arrival
from proxprop.paper.result import Result
from tests.app.paper_results import PLAIN, batch, contender, mlp, seed, stability


def test_lines_are_the_recorded_numbers() -> None:
    picture = training_picture(mlp())
    assert [(panel.x, panel.y) for panel in picture.panels] == [
        ("epoch", "train_loss"),
        ("epoch", "validation_accuracy"),
        ("seconds", "train_loss"),
    ]
    plain, exact, _ = picture.lines
    assert plain.columns["train_loss"] == [2.0, 1.8, 1.6, 1.3, 1.0]
    assert exact.columns["seconds"] == [0.0, 12.0, 24.0, 36.0, 48.0]
    assert (plain.style.color, exact.style.color) == (VERMILION, BLUE)
    assert (plain.style.dash, exact.style.dash) == ("dash", "solid")


def test_target_is_where_plain_ends_and_is_reached_between_evaluations() -> None:
    picture = training_picture(mlp())
    plain, exact, cg = picture.lines
    assert picture.target == (1.0, "explicit ends at 1")
    assert exact.reached == {"epoch": 1.5, "seconds": 18.0}
    assert cg.reached == {"epoch": None, "seconds": None}
    assert plain.reached == {"epoch": None, "seconds": None}


def test_divergence_stays_on_the_picture() -> None:
    *_, cg = training_picture(mlp()).lines
    assert cg.diverged
    assert cg.columns["train_loss"] == [2.0, 1.9, None]
    assert training_tiles(mlp())[2].value == "▲ diverged"
    assert training_tiles(mlp())[2].note == "at epoch 2"


def test_tiles_tell_epochs_and_seconds() -> None:
    plain, exact, _ = training_tiles(mlp())
    assert (plain.value, plain.note) == ("J = 1", "at its end: 4 epochs, 40 s")
    assert exact.value == "1.5 of 4 epochs"
    assert exact.note == "18 s of 40 s to the same loss; ends at 0.3"


def test_a_contender_that_never_gets_there_is_told() -> None:
    slow = contender("exact", seed((2.0, 1.9)), label="implicit (exact)")
    fast = contender("plain", seed((2.0, 1.0)), label="explicit", **PLAIN)
    tile = training_tiles(mlp(contenders=(fast, slow)))[1]
    assert (tile.value, tile.note) == ("not reached", "ends at 1.9, 10 s")
    longer = contender("plain", seed((2.0, 1.5, 1.0)), label="explicit", **PLAIN)
    tile = training_tiles(mlp(contenders=(longer, slow)))[1]
    assert (tile.value, tile.note) == ("not reached", "ends at 1.9 after 1 epoch, 10 s")


def test_seeds_make_a_mean_and_a_band() -> None:
    three = contender(
        "exact",
        seed((2.0, 1.0)),
        seed((2.0, 0.5), number=1, pace=20.0),
        seed((2.0, None), number=2, outcome="diverged"),
        seed((2.0,), number=3, outcome="unfinished"),
    )
    (line,) = training_picture(mlp(contenders=(three,))).lines
    assert line.columns["train_loss"] == [2.0, 0.75]
    assert line.columns["seconds"] == [0.0, 15.0]
    assert line.std["train_loss"] == pytest.approx([0.0, math.sqrt(0.125)])
    assert [number for number, _ in line.seeds] == [0, 1]
    assert not line.diverged  # the mean did not; how many seeds did is in the curve
    assert curves(mlp(contenders=(three,)))[0].diverged == 1


def test_seeds_under_way_wait_until_they_are_through() -> None:
    going_on = contender(
        "exact",
        seed((2.0, 1.0, 0.5), outcome="unfinished"),
        seed((2.0,), number=1, outcome="unfinished"),
    )
    (line,) = training_picture(mlp(contenders=(going_on,), complete=False)).lines
    assert line.columns["train_loss"] == [2.0, 1.0, 0.5]
    assert line.seeds == ()


def test_who_has_not_begun_is_not_drawn() -> None:
    waiting = mlp(contenders=(contender("plain", **PLAIN), contender("exact", seed((2.0,)))))
    assert [line.label for line in training_picture(waiting).lines] == ["exact"]
    assert training_picture(waiting).target is None
    assert training_picture(mlp(contenders=())).lines == ()


def test_a_single_epoch_is_drawn_and_told() -> None:
    once = mlp(
        contenders=(
            contender("plain", seed((2.0, 1.0)), label="explicit", **PLAIN),
            contender("exact", seed((2.0, 0.5)), label="implicit (exact)"),
        ),
        epochs=1,
    )
    assert training_tiles(once)[1].value == "0.5 of 1 epochs"
    assert Recording(once, here=False).label == "recorded: laptop scale, 1 epoch"


def test_with_adam_the_exact_step_keeps_its_colour() -> None:
    adam = {"optimizer.name": "adam", "optimizer.lr": 1e-3}
    keys = (("adam", "explicit", 3), ("adam-cg3", "cg", 3), ("adam-cg10", "cg", 10))
    field = [
        contender(
            key,
            seed((2.0, 1.0)),
            **{**adam, "direction.solver": solver, "direction.cg_steps": steps},
        )
        for key, solver, steps in (*keys, ("adam-exact", "exact", 3))
    ]
    lines = training_picture(mlp(contenders=tuple(field))).lines
    styles = {line.label: line.style for line in lines}
    assert (styles["adam"].color, styles["adam-exact"].color) == (ORANGE, GREEN)
    assert styles["adam-exact"].dash == "solid"
    assert all(style.dash != "solid" for name, style in styles.items() if "cg" in name)
    assert BLUE not in {styles["adam-cg3"].color, styles["adam-cg10"].color}
    assert len({style.color for style in styles.values()}) == 4


def test_adams_rival_is_adam() -> None:
    both = (
        contender("plain", seed((2.0, 1.5)), **PLAIN),
        contender("adam", seed((2.0, 1.0)), **{**PLAIN, "optimizer.name": "adam"}),
    )
    chosen = baseline(curves(mlp(contenders=both)))
    assert chosen is not None
    assert chosen.key == "adam"


def test_reached_at_once() -> None:
    line = curves(mlp(contenders=(contender("exact", seed((0.5, 0.4))),)))[0]
    assert arrival(line.seeds, 0.6, "seconds").mean == 0.0
    assert arrival(line.seeds, 0.1, "seconds").n == 0


def test_seeds_arrive_one_by_one_and_those_that_do_not_are_counted() -> None:
    plain = contender("plain", seed((2.0, 1.0)), label="explicit", **PLAIN)
    three = contender(
        "exact",
        seed((2.0, 0.5)),
        seed((2.0, 2.0), number=1),
        seed((2.0, None), number=2, outcome="diverged"),
        label="implicit (exact)",
    )
    result = mlp(contenders=(plain, three))
    # The mean curve, at 1.25 after an epoch, never gets to 1.
    assert training_picture(result).lines[1].reached == {"epoch": 0.5, "seconds": 5.0}
    tile = training_tiles(result)[1]
    assert tile.value == "0.5 of 1 epochs"
    assert tile.note == "5 s of 10 s to the same loss, by 1 of 3 seeds; ends at 1.25"


def test_batch_study_is_a_line_a_batch_size() -> None:
    picture = batch_picture(batch())
    small, large = picture.lines
    assert (small.label, large.label) == ("exact, batch 125", "exact, batch 500")
    assert small.columns["tau"] == [0.05, 0.2]
    assert small.columns["train_loss"] == [1.5, 1.0]
    assert large.columns["train_loss"] == [1.2]
    assert large.gone == (0.2,)
    assert small.style.color != large.style.color
    tiles = study_tiles(picture)
    assert tiles[0].value == "J = 1"
    assert tiles[0].note == "its lowest, at τ = 0.2"
    assert tiles[1].note == "its lowest, at τ = 0.05; diverged from τ = 0.2"


def test_step_sizes_drop_what_diverged_into_crosses() -> None:
    picture = stability_picture(stability())
    plain, exact = picture.lines
    assert picture.target is not None
    assert picture.target[0] == 2.25
    assert plain.columns["loss"] == [1.9, 1.1, None]
    assert plain.gone == (10.0,)
    assert exact.columns["loss"] == pytest.approx([2.1, 1.5, 0.6])
    assert exact.std["loss"] == pytest.approx([0, 0, math.sqrt(0.02)])
    assert "diverged from s = 10" in study_tiles(picture)[0].note


@pytest.mark.parametrize("result", [mlp(), batch(), stability()], ids=lambda one: one.experiment)
def test_what_is_sent_is_json(result: Result) -> None:
    json.loads(picture_of(result).figure().to_json(), parse_constant=pytest.fail)


def test_links_carry_the_recorded_settings() -> None:
    result = mlp()
    race = race_of(result)
    assert race is not None
    assert [one.direction.solver for one in race.contenders] == ["explicit", "exact", "cg"]
    assert race.model.name == "paper-mlp"
    (address, *_), *others = links(result)
    assert decode(address.partition("form=")[2]) == race
    assert len(others) == 3


def test_a_recorders_folder_is_not_in_the_links() -> None:
    folder = {"data.name": "folder", "data.path": "/somebody/else"}
    one = contender("exact", seed((2.0, 1.0)), **folder)
    config = run_of(one.run_config)
    assert (config.data.name, config.data.path) == ("cifar10", None)
    assert "somebody" not in str(links(mlp(contenders=(one, one))))


def test_batch_sizes_are_no_race() -> None:
    assert race_of(batch()) is None


def test_command_names_the_part() -> None:
    assert command("mlp") == "proxprop paper --experiment mlp --scale laptop"
    assert "--experiment mlp --part controls " in command("mlp-controls")


def test_all_data_comes_before_a_part_and_shipped_before_made_here() -> None:
    found = Library((mlp(), mlp(scale="full")), (mlp(complete=False),))
    assert list(found.of("mlp")) == ["full", "laptop", "laptop-here"]
    assert list(found.experiments()) == list(EXPERIMENTS)
    assert found.of("mlp")["laptop-here"].label == "made here: laptop scale, 4 of 4 epochs"
    assert [one.scale for one in found.results(here=False)] == ["full", "laptop"]


def test_another_part_appears_by_its_title() -> None:
    found = Library((mlp(part="extra", title="Something else"),), ())
    assert found.experiments()["mlp-extra"] == "Something else"


def test_every_claim_of_the_paper_is_about_an_experiment_that_is_shown() -> None:
    every = [Assessment(claim, "not measured", "", "") for claim in CLAIMS]
    shown = {one.claim.key for name in EXPERIMENTS for one in claims.about(name, every)}
    assert shown == {claim.key for claim in CLAIMS}
    main = [one.claim.key for one in claims.about("mlp", every)]
    assert main[0] == "exact-per-epoch"
    assert "whose-gain" in main  # the control stands beside the claim


def test_a_claim_that_does_not_hold_is_said_plainly() -> None:
    made = [
        Assessment(claim, verdict, "", "")
        for claim, verdict in (
            (replace(CLAIMS[0], source="section 5", statement="It is faster."), "not confirmed"),
            (replace(CLAIMS[1], source="section 5", statement="It is right."), "confirmed"),
            (replace(CLAIMS[2], source="ours", statement="It is ours."), "not confirmed"),
        )
    ]
    told = claims.summary(made)
    assert "2 claims" in told
    assert "**1** confirmed" in told
    assert told.endswith("Not confirmed: It is faster. Not confirmed of ours: It is ours.")
    assert "✕ not confirmed" in claims.html(made)


def test_claims_rest_on_recordings_of_the_same_scale_and_origin() -> None:
    found = Library((mlp(scale="full"),), (mlp(),))
    for name, wanted in (("full", "full scale"), ("laptop-here", "laptop scale")):
        recording = found.of("mlp")[name]
        by_key = {one.claim.key: one for one in claims.assessments(recording, found)}
        assert by_key["exact-per-epoch"].basis.startswith(wanted)
        assert by_key["exact-per-epoch"].verdict == "confirmed"
        assert by_key["adam-per-epoch"].verdict == "not measured"


def test_provenance_and_deviations_name_images_machine_and_length() -> None:
    assert provenance(mlp()) == (
        "Recorded 4 March 2026: CIFAR-10, class folders, 40 + 5 images, 10 to test; "
        "Abacus, 2 threads, torch 2.15.0."
    )
    told = deviations(mlp())
    assert "Class folders; the paper trains on CIFAR-10 as published" in told
    assert "Abacus, 2 threads" in told
    assert "4 epochs on a part of the images in place of the paper's 50" in told
    assert "absolute epsilon" in told
