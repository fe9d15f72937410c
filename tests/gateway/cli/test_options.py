"""What several verbs share: the site they are about."""

from pathlib import Path

from typer.testing import CliRunner

from gateway.cli.main import app
from tests.gateway.south.site import write_site


def test_the_environment_names_the_site_and_an_option_another(tmp_path: Path) -> None:
    runner = CliRunner(env={"TAIQU_CONFIG": str(write_site(tmp_path, "/dev/ttyNONE"))})
    assert runner.invoke(app, ["check"]).exit_code == 0
    another = runner.invoke(app, ["check", "--config", str(tmp_path / "none.toml")])
    assert another.exit_code == 1
    assert "none.toml: cannot be read" in another.output
