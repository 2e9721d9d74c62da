"""A machine with one control plane: etcd, certificates, a node's file system, and the API server in its Pod.

A Pod is run as a kubelet and a container runtime would run it, in a mount namespace of its own: the node
is one folder and the container's root another, each volume's hostPath is checked and made as its pathType
says, and is bind-mounted at the mountPath, read-only where the Pod says so. So flags and paths stay
as they are, and a mount that is missing, read-only or of a single file has its real effect.
"""

import atexit
import ctypes
import http.client
import http.server
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
import time
from pathlib import Path

# User, groups (the API server adds system:authenticated), token.
USERS = {
    "admin": ("admin", ["system:masters"]),
    "alice": ("alice", ["dev"]),
    "node": ("system:node:worker-1", ["system:nodes"]),
    "proxy": ("system:kube-proxy", ["system:node-proxier"]),
}
PROGRAM = "/usr/local/bin/kube-apiserver"
started = []  # processes, the last one last


class NotStarted(Exception):
    """A Pod that does not start; the text is what the kubelet or the API server says."""


def run(*command, **options):
    """The output of a command that must succeed."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def spawn(command, log):
    """Starts a process that does not outlive this one, however this one ends."""

    def die_with_parent():
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=log, stderr=log, preexec_fn=die_with_parent)
    started.append(process)
    return process


def stop_all():
    for process in reversed(started):
        if process.poll() is None:
            process.kill()
            process.wait()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def certificates(folder):
    """The files that kubeadm's `init phase certs` would have made, of one authority."""
    folder.mkdir(parents=True)
    (folder / "etcd").mkdir()
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    run("openssl", "req", "-x509", *key, "-days", 2, "-subj", "/CN=test", "-keyout", folder / "ca.key", "-out", folder / "ca.crt")
    for name, subject in [
        ("apiserver", "/CN=kube-apiserver"),
        ("apiserver-etcd-client", "/O=system:masters/CN=kube-apiserver-etcd-client"),
        ("apiserver-kubelet-client", "/O=system:masters/CN=kube-apiserver-kubelet-client"),
        ("front-proxy-client", "/CN=front-proxy-client"),
        ("etcd/server", "/CN=etcd"),
    ]:
        request, extensions = folder / "request.csr", folder / "extensions"
        extensions.write_text("subjectAltName=IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n")
        run("openssl", "req", "-new", *key, "-subj", subject, "-keyout", folder / f"{name}.key", "-out", request)
        authority = ["-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial"]
        run("openssl", "x509", "-req", *authority, "-days", 2, "-in", request, "-extfile", extensions, "-out", folder / f"{name}.crt")
        request.unlink()
        extensions.unlink()
    for copy in ["etcd/ca.crt", "front-proxy-ca.crt"]:
        shutil.copy(folder / "ca.crt", folder / copy)
    run("openssl", "genrsa", "-out", folder / "sa.key", 2048)
    run("openssl", "rsa", "-in", folder / "sa.key", "-pubout", "-out", folder / "sa.pub")
    lines = [f"{name}-token,{user},{name},\"{','.join(groups)}\"" for name, (user, groups) in USERS.items()]
    (folder / "tokens.csv").write_text("\n".join(lines) + "\n")


class Machine:
    """etcd and certificates, which all API servers of a run share: each has its own prefix in etcd."""

    def __init__(self, tmp, etcd):
        self.tmp = Path(tmp)
        self.pki = self.tmp / "pki"
        certificates(self.pki)
        self.etcd_port = free_port()
        client, peer = f"https://127.0.0.1:{self.etcd_port}", f"http://127.0.0.1:{free_port()}"
        with open(self.tmp / "etcd.log", "w") as log:
            self.etcd = spawn(
                [etcd, "--name=test", f"--data-dir={self.tmp}/etcd", "--unsafe-no-fsync", "--client-cert-auth",
                 f"--trusted-ca-file={self.pki}/ca.crt", f"--cert-file={self.pki}/etcd/server.crt", f"--key-file={self.pki}/etcd/server.key",
                 f"--listen-client-urls={client}", f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}",
                 f"--initial-advertise-peer-urls={peer}", f"--initial-cluster=test={peer}"],
                log,
            )  # fmt: skip
        self.count = 0

    def node(self, name):
        """A new node's file system, with the certificates."""
        self.count += 1
        folder = self.tmp / f"{self.count:03}-{name}"
        for path in ["etc/kubernetes/manifests", "etc/ssl/certs", "var/log"]:
            (folder / "node" / path).mkdir(parents=True)
        shutil.copytree(self.pki, folder / "node/etc/kubernetes/pki")
        return Node(self, folder, self.count)


class Node:
    """A node: `folder/node` is its file system, `folder/root` that of the container."""

    def __init__(self, machine, folder, number):
        self.machine, self.folder, self.number = machine, folder, number
        self.files, self.root = folder / "node", folder / "root"

    def path(self, path):
        """A path of the node, on this machine."""
        return self.files / path.lstrip("/")

    def write(self, path, text):
        at = self.path(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)

    def unpack(self, archive):
        """The files of kubeadm/node-files.tar."""
        run("tar", "-xf", archive, "-C", self.files)

    def start(self, pod, program, ready=True, extra=()):
        """Runs the Pod's API server. NotStarted if it ends, or its Pod cannot be made."""
        container = pod["spec"]["containers"][0]
        mounts = [self.mount(volume, mount) for mount in container["volumeMounts"] for volume in pod["spec"]["volumes"] if volume["name"] == mount["name"]]
        # In the order of their depth, as runtimes do.
        mounts.sort(key=lambda mount: len(Path(mount[1]).parts))
        self.root.mkdir()
        (self.root / "tmp").mkdir()
        for path in ["/dev/null", PROGRAM, *libraries(program)]:
            (self.root / path.lstrip("/")).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path.lstrip("/")).touch()
        lines = ["set -e", f"cd {self.root}"]
        for source in [*libraries(program), "/dev/null"]:
            lines.append(f"mount --bind '{source}' '.{source}'")
        lines.append(f"mount --bind '{program}' '.{PROGRAM}'")
        for source, target, read_only in mounts:
            make = f"mkdir -p '.{target}'" if Path(source).is_dir() else f"mkdir -p '.{os.path.dirname(target)}'; touch '.{target}'"
            lines.append(f"{make}; mount --bind '{source}' '.{target}'")
            if read_only:
                lines.append(f"mount -o remount,bind,ro '.{target}'")
        lines.append('exec chroot . "$@"')
        port = free_port()
        command = self.command(container["command"], port) + list(extra)
        unshare = ["unshare", "--mount"] + ([] if os.geteuid() == 0 else ["--user", "--map-root-user"])
        with open(self.folder / "server.log", "w") as log:
            process = spawn([*unshare, "sh", "-c", "\n".join(lines), "sh", PROGRAM, *command], log)
        server = Server(self, process, port)
        if ready:
            server.wait_ready()
        return server

    def command(self, command, port):
        """The Pod's flags, but for where etcd is and where to listen; other users than those of certificates; no
        compaction, since API servers of one etcd would compact for one another."""
        own = {"--secure-port": str(port), "--etcd-servers": f"https://127.0.0.1:{self.machine.etcd_port}"}
        flags = [f"{name}={own[name]}" if (name := flag.partition("=")[0]) in own else flag for flag in command[1:]]
        more = ["--bind-address=127.0.0.1", "--token-auth-file=/etc/kubernetes/pki/tokens.csv", f"--etcd-prefix=/{self.number:03}", "--etcd-compaction-interval=0"]
        return flags + more

    def mount(self, volume, mount):
        """(source, target, read-only), after what a kubelet does for the volume's type."""
        path, kind = volume["hostPath"]["path"], volume["hostPath"].get("type", "")
        source = self.path(path)
        if kind == "DirectoryOrCreate" or (kind == "" and not source.exists()):
            if source.exists() and not source.is_dir():
                raise NotStarted(f'hostPath type check failed: {path} is not a directory')
            source.mkdir(parents=True, exist_ok=True)
        elif kind == "FileOrCreate" and not source.exists():
            source.touch()
        if (kind == "File" or kind == "FileOrCreate") and not source.is_file():
            raise NotStarted(f"hostPath type check failed: {path} is not a file")
        if kind == "Directory" and not source.is_dir():
            raise NotStarted(f"hostPath type check failed: {path} is not a directory")
        return str(source), mount["mountPath"].rstrip("/"), mount.get("readOnly", False)


def libraries(program):
    """What the dynamic loader would look for."""
    done = subprocess.run(["ldd", str(program)], capture_output=True, text=True)
    return [word for line in done.stdout.splitlines() for word in line.split() if word.startswith("/")]


class Server:
    """A kube-apiserver that was started."""

    def __init__(self, node, process, port):
        self.node, self.process, self.port = node, process, port
        self.tls = ssl.create_default_context(cafile=node.machine.pki / "ca.crt")
        self.tokens = {name: f"{name}-token" for name in USERS}

    def log(self):
        return (self.node.folder / "server.log").read_text(errors="replace")

    def complaint(self):
        """The last thing that it said before it ended: cobra's error, or klog's."""
        lines = [line for line in self.log().splitlines() if line.strip()]
        wanted = [line for line in lines if line.startswith(("Error:", "E", "F", "error:", "run.go")) or "err=" in line]
        return (wanted or lines or ["(nothing)"])[-1]

    def wait_ready(self, seconds=180):
        """Until it serves, and what it makes for itself is there, so that its own requests do not mix with ours."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise NotStarted(self.complaint())
            try:
                if self.request("admin", "GET", "/readyz")[0] == 200 and self.request("admin", "GET", "/api/v1/namespaces/default")[0] == 200:
                    return
            except OSError:
                pass
            time.sleep(0.25)
        self.kill()
        raise NotStarted(f"not ready after {seconds} s: {self.complaint()}")

    def request(self, who, method, path, body=None, headers=None):
        """(status, text) of one request, on a connection of its own."""
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=self.tls, timeout=60)
        headers = {"Accept": "application/json", **(headers or {})}
        if who:
            headers["Authorization"] = f"Bearer {self.tokens.get(who, who)}"
        if body is not None:
            headers.setdefault("Content-Type", "application/json")
            body = body if isinstance(body, str) else json.dumps(body)
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read().decode(errors="replace")
        finally:
            connection.close()

    def stop(self):
        """As a kubelet stops a container: SIGTERM, and time to end."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(90)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Collector:
    """A web service that an API server's webhook sends events to."""

    def __init__(self):
        self.events = []
        events = self.events

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                events.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["items"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def kubeconfig(self):
        return json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "audit", "users": [],
            "clusters": [{"name": "audit", "cluster": {"server": f"http://127.0.0.1:{self.server.server_port}/"}}],
            "contexts": [{"name": "audit", "context": {"cluster": "audit", "user": ""}}],
        })  # fmt: skip


def workspace():
    """A folder that is gone at the end, and so is every process, also when a signal ends the run."""
    folder = Path(tempfile.mkdtemp(prefix="packwright-server-"))

    def end():
        stop_all()
        shutil.rmtree(folder, ignore_errors=True)

    def interrupted(*_):
        raise SystemExit(1)

    atexit.register(end)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, interrupted)
    return folder
