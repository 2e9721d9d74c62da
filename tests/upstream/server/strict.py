"""What the modes do when the log cannot be written: it is a file that is mounted itself, and due for rotation."""

import refusals
import traffic
from machine import NotStarted
from refusals import GOOD, LOG, POLICY, link, quoted
from tools import Row

OMITS = GOOD.replace("rules:", "omitStages: [RequestReceived]\nrules:")
REFUSES, LOSES = "refuses every request (500)", "answers every request, and loses its events"
SINGLE_FILE, NO_EFFECT = "mount-single-file", "audit-strict-without-request-received"
# Name, mode, policy, what lint warns of, what the server does.
CASES = [
    ("blocking", "blocking", GOOD, [SINGLE_FILE], LOSES),
    ("blocking-strict", "blocking-strict", GOOD, [SINGLE_FILE], REFUSES),
    ("blocking-strict, RequestReceived omitted", "blocking-strict", OMITS, [NO_EFFECT, SINGLE_FILE], LOSES),
]
FILE = {"audit-log": {"hostPath": "/var/log/audit.log", "mountPath": LOG, "pathType": "FileOrCreate"}}
MEBIBYTE = 1 << 20


def check(tools):
    texts = {f"case-{number}": refusals.configuration(tools, {"audit-log-mode": case[1], "audit-log-maxsize": "1"}, FILE) for number, case in enumerate(CASES)}
    pods = tools.pods("strict", texts)
    for number, case in enumerate(CASES):
        yield one(tools, case, texts[f"case-{number}"], pods[f"case-{number}"][0])


def one(tools, case, text, pod):
    name, _, policy, codes, expected = case
    node = tools.machine.node("strict")
    configuration, log = node.folder / "cluster-configuration.yaml", node.path("/var/log/audit.log")
    configuration.write_text(text)
    node.write(POLICY, policy)
    row = Row(f"mode {name}", f"{', '.join(map(link, codes))}; {expected}", "")
    errors, warnings = tools.errors(configuration, node.path(POLICY))
    if not set(codes) <= warnings or errors:
        row.faults.append(f"lint finds {sorted(errors | warnings)}")
    try:
        server = node.start(pod, tools.apiserver)
    except NotStarted as error:
        row.faults.append(str(error))
        return row
    # Until an event does not fit the first file any more. Each request is some 500 bytes, or twice that.
    sizes = [0]
    while len(sizes) < 4000 and (sizes[-1] < MEBIBYTE - 2000 or sizes[-1] != sizes[-2]):
        server.request("admin", "GET", f"{traffic.API}/namespaces/default")
        sizes.append(log.stat().st_size)
    answers = [server.request("admin", "GET", f"{traffic.API}/namespaces/default", headers={"Audit-ID": f"after-{number}"}) for number in range(20)]
    server.kill()
    statuses = sorted({status for status, _ in answers})
    logged = '"auditID":"after-' in log.read_text()
    row.seen = f"at {log.stat().st_size // 1024} KiB the file cannot be renamed; of 20 requests after that each is answered {statuses[0]}"
    row.seen += f": {quoted(answers[0][1].strip())}" if statuses == [500] else ", and none is logged" if not logged else ""
    if statuses != [500 if expected == REFUSES else 200] or logged:
        row.faults.append(f"statuses {statuses}, events {'logged' if logged else 'not logged'}")
    return row
