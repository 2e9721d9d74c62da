"""The programs that a run asks: packwright, kubeadm, and the folder that both work in; and the rows of its report."""

import json
import re
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from machine import Machine, run

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
# What a ClusterConfiguration of a pack is called, by kubeadm's minor.
CONFIGURATION = "kubeadm/cluster-configuration.{}.yaml"


@dataclass
class Tools:
    minor: str
    packwright: str
    kubeadm: str
    apiserver: str
    tmp: Path
    machine: Machine

    def version(self):
        """The API server's release."""
        module = (HERE / f"minors/{self.minor}.mod").read_text()
        return re.search(r"k8s\.io/kubernetes (v\S+)", module).group(1)

    def api_version(self):
        return "v1beta3" if int(self.minor.split(".")[1]) <= 30 else "v1beta4"

    def ask(self, *arguments):
        """packwright's JSON, whatever its exit status is."""
        done = subprocess.run([self.packwright, *map(str, arguments), "--format", "json"], capture_output=True, text=True)
        if done.returncode not in (0, 1):
            raise RuntimeError(f"packwright {' '.join(map(str, arguments))}\n{done.stdout}{done.stderr}")
        return json.loads(done.stdout)

    def errors(self, *files):
        """The codes of the errors that lint finds, and those of its warnings."""
        found = self.ask("lint", *files, "--kubernetes-version", self.minor)["diagnostics"]
        return tuple({one["code"] for one in found if one["severity"] == severity} for severity in ("error", "warning"))

    def values(self, name):
        """An overlay, of the project or of this folder."""
        return next(path for path in [REPOSITORY / f"values/{name}.yaml", HERE / f"values/{name}.yaml"] if path.exists())

    def build(self, name, *values):
        """A built pack's folder."""
        out = self.tmp / "packs" / name
        run(self.packwright, "build", REPOSITORY / "packs/kube-apiserver-audit", *values, "--kubernetes-version", self.minor, "-o", out)
        return next(path for path in out.iterdir() if path.is_dir())

    def pods(self, name, configurations):
        """The Pods that kubeadm makes of ClusterConfigurations: {name: (Pod, path of the manifest)}. A
        configuration is a text, or the folder of a pack."""
        folder, pods = self.tmp / name / "cases", self.tmp / name / "pods"
        pods.mkdir(parents=True)
        for case, given in configurations.items():
            at = folder / f"kubeadm-{case}"
            at.mkdir(parents=True)
            if isinstance(given, Path):
                shutil.copytree(given / "kubeadm/patches", at / "patches")
                given = (given / CONFIGURATION.format(self.api_version())).read_text()
            (at / "cluster-configuration.yaml").write_text(given)
        answer = json.loads(run(self.kubeadm, "--pods", pods, folder))
        for case, result in answer["cases"].items():
            if result["load"]:
                raise RuntimeError(f"kubeadm refuses {case}: {result['load']}")
        return {
            case: (json.loads((pods / f"kubeadm-{case}.json").read_text()), pods / f"kubeadm-{case}.yaml") for case in configurations
        }


@dataclass
class Row:
    """What was tried, what we say of it, what was seen."""

    what: str
    expected: str
    seen: str
    faults: list = field(default_factory=list)
