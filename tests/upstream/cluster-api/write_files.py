"""Writes awkward files as a node does, and compares their bytes.

write_files.py PACKWRIGHT USER_DATA CLOUD_INIT

packwright renders a pack with the files, the program of this folder makes
Cluster API's user data of them, and cloud-init (CLOUD_INIT holds its package
`cloudinit`) renders that and runs its own write_files.
"""

import json
import subprocess
import sys

packwright, user_data, cloud_init = sys.argv[1:]
sys.path.insert(0, cloud_init)

import yaml  # noqa: E402
from cloudinit import util  # noqa: E402
from cloudinit.config import cc_write_files  # noqa: E402
from cloudinit.handlers.jinja_template import render_jinja_payload  # noqa: E402

LARGE = "  \n  # {{ ds }} {% raw %} {# x #}\n" + "".join(f"  - Zoë-{n}@北京 get\n" for n in range(1500))
CONTENTS = [
    "a\n", "a", "a\n\n", "  a\n b\n", " \nb\n", "\na\n", "\n", "", "\ta\n", "\u00a0a\n",
    "x: {{ ds.meta_data }}\n", "{% raw %}\n", "{# c #}\n", "}} %} #}\n", "a\n{\n{\n", "## template: jinja\n",
    "a\tb  \n\tc\n", "---\na\n...\n---\nb\n", "a\n   \n", "a\n   \n\n", "a\n  \t\n", "a\n\n\n\nb\n", "%TAG\n", "| >\n", "# c\n",
    "a: 'b' \"c\" \\n $HOME ${x}\n", "ï–北\U0001f600\n", "é" * 8000 + "\n",
    "a\u0085b\n", "a\u2028b\n", "\ufeffa\n", "a\x01b\n", "a\x7f\n", LARGE,
]  # fmt: skip


def run(command, given=None):
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout


files = {f"/etc/awkward/{number:02}": {"content": content, "permissions": "0640"} for number, content in enumerate(CONTENTS)}
document = run(
    [packwright, "render", "packs/kube-apiserver-audit", "--set-json", "files=" + json.dumps(files, ensure_ascii=False)]
    + ["--target", "cluster-api", "--file", "cluster-api/kubeadmcontrolplane.v1beta2.fragment.yaml"]
)
delivered = yaml.safe_load(document)["spec"]["kubeadmConfigSpec"]["files"]
payload = run([user_data], json.dumps(delivered).encode()).decode()
rendered = render_jinja_payload(payload, "user-data", {"ds": {"meta_data": "rendered"}, "v1": {}})

written = {}


def remember(path, content, omode="wb", mode=None, **_):
    written[path] = (util.encode_text(content), mode)


util.write_file = remember
util.chownbyname = lambda *_: None
cc_write_files.write_files("write-files", util.load_yaml(rendered)["write_files"], "root:root")

wrong = [(path, file["content"][:60], written.get(path)) for path, file in files.items() if written.get(path) != (file["content"].encode(), 0o640)]
for path, content, got in wrong:
    print(f"cloud-init writes {path} as {str(got)[:200]}, and it was {content!r}")
print(f"{len(CONTENTS) - len(wrong)} of {len(CONTENTS)} contents arrive byte for byte")
sys.exit(1 if wrong else 0)
