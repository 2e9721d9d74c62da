// Command kubeadm says what the kubeadm of one Kubernetes minor makes of ClusterConfiguration
// documents: whether `config validate` accepts them, and what they change in the kube-apiserver
// static Pod that `init` writes. It links kubeadm and runs its commands as an operator would,
// since those stay the same over minors while the functions behind them do not.
//
//	kubeadm CASES..                 each CASES/NAME/ holds cluster-configuration.yaml and, if wanted, patches/
//	kubeadm --pods FOLDER CASES..   the same, and FOLDER gets each Pod whole: NAME.yaml as kubeadm wrote it, and NAME.json
//
// It prints one JSON document that is the same on every machine, and needs neither network, root,
// container runtime nor cluster. A case that kubeadm refuses or warns about ends it with status 1
// after that, unless it is named kubeadm-..: those record what kubeadm does with odd documents.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/component-base/version"
	"k8s.io/klog/v2"
	"k8s.io/kubernetes/cmd/kubeadm/app/apis/kubeadm/scheme"
	"k8s.io/kubernetes/cmd/kubeadm/app/cmd"
	"sigs.k8s.io/yaml"
)

const group = "kubeadm.k8s.io"

// What kubeadm would otherwise ask the machine for (address, name, container runtime), and the
// patches folder, since `init` refuses --patches beside --config.
const initConfiguration = `
---
apiVersion: %s
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.0.0.1}
nodeRegistration: {name: node, criSocket: "unix:///run/containerd/containerd.sock"}
patches: {directory: %q}
`

type report struct {
	Kubernetes string            `json:"kubernetes"`
	APIVersion string            `json:"apiVersion"` // the one this kubeadm prefers
	Base       pod               `json:"base"`       // what an empty ClusterConfiguration gives
	Cases      map[string]result `json:"cases"`
}

// pod is what of the static Pod a ClusterConfiguration and patches are meant to change.
type pod struct {
	Command      []string             `json:"command"`
	Volumes      []corev1.Volume      `json:"volumes"`
	VolumeMounts []corev1.VolumeMount `json:"volumeMounts"`
	Annotations  map[string]string    `json:"annotations"`
}

type result struct {
	Document string            `json:"document"` // sha256 of the case's files as given
	Patches  map[string]string `json:"patches"`
	Validate *string           `json:"validate"` // the error of `config validate`
	Load     *string           `json:"load"`     // the error of `init phase control-plane apiserver`
	Warnings []string          `json:"warnings"` // what that one said to the operator
	*changes                   // absent if it failed
}

// changes holds what differs from base, in kubeadm's order. A flag or mount that is there twice
// in the manifest is there twice here.
type changes struct {
	pod
	Dropped       []string `json:"dropped"` // base's arguments that are gone
	RestUnchanged bool     `json:"restUnchanged"`
}

// pods is where each case's Pod is written, if anywhere.
var pods string

func main() {
	folders := os.Args[1:]
	if len(folders) > 1 && folders[0] == "--pods" {
		pods, folders = folders[1], folders[2:]
	}
	if len(folders) == 0 {
		fail(fmt.Errorf("usage: kubeadm [--pods FOLDER] CASES.."))
	}
	if version.Get().Major == "" {
		fail(fmt.Errorf("built without a version, so kubeadm's own version checks are off: use the build script"))
	}
	// kubeadm tells its progress on standard output, which here is for the JSON alone.
	out := os.Stdout
	var err error
	if os.Stdout, err = os.OpenFile(os.DevNull, os.O_WRONLY, 0); err != nil {
		fail(err)
	}
	klogFlags := flag.NewFlagSet("", flag.PanicOnError)
	klog.InitFlags(klogFlags)
	for _, f := range []string{"logtostderr=false", "stderrthreshold=FATAL", "one_output=true", "skip_headers=true"} {
		name, value, _ := strings.Cut(f, "=")
		klogFlags.Set(name, value)
	}

	r := report{Kubernetes: version.Get().GitVersion, Cases: map[string]result{}}
	r.APIVersion = scheme.Scheme.PrioritizedVersionsForGroup(group)[0].String()
	empty, _, err := render([]byte("apiVersion: "+r.APIVersion+"\nkind: ClusterConfiguration\n"), "", "")
	if err != nil {
		fail(err)
	}
	// kubeadm mounts these only where the host has them, and names them by their path.
	hostDependent := func(name, path string) bool { return name == strings.ReplaceAll(path[1:], "/", "-") }
	r.Base = partOf(empty)
	r.Base.Volumes = slices.DeleteFunc(r.Base.Volumes, func(v corev1.Volume) bool { return hostDependent(v.Name, v.HostPath.Path) })
	r.Base.VolumeMounts = slices.DeleteFunc(r.Base.VolumeMounts, func(m corev1.VolumeMount) bool { return hostDependent(m.Name, m.MountPath) })

	for _, cases := range folders {
		documents, err := filepath.Glob(filepath.Join(cases, "*", "cluster-configuration.yaml"))
		if err != nil || len(documents) == 0 {
			fail(fmt.Errorf("%s: no case in it", cases))
		}
		for _, document := range documents {
			name := filepath.Base(filepath.Dir(document))
			if _, twice := r.Cases[name]; twice {
				fail(fmt.Errorf("two cases named %s", name))
			}
			if r.Cases[name], err = ask(document, empty); err != nil {
				fail(err)
			}
		}
	}
	text, err := json.Marshal(r)
	if err != nil {
		fail(err)
	}
	var tree any
	if err := json.Unmarshal(text, &tree); err != nil {
		fail(err)
	}
	fmt.Fprintln(out, pretty(tree, ""))

	status := 0
	for _, name := range slices.Sorted(maps.Keys(r.Cases)) {
		c := r.Cases[name]
		if strings.HasPrefix(name, "kubeadm-") || c.accepted() {
			continue
		}
		status = 1
		fmt.Fprintf(os.Stderr, "kubeadm %s does not simply take %s:\n%s\n", r.Kubernetes, name, compact(c))
	}
	os.Exit(status)
}

// accepted is true for a document that works and changes nothing but what it is meant to.
func (r result) accepted() bool {
	return r.Validate == nil && r.Load == nil && len(r.Warnings) == 0 && r.RestUnchanged
}

// ask runs one case and compares the Pod with the one that kubeadm makes without us.
func ask(document string, empty corev1.Pod) (result, error) {
	var r result
	text, err := os.ReadFile(document)
	if err != nil {
		return r, err
	}
	r.Document = sum(text)
	patches, err := filepath.Abs(filepath.Join(filepath.Dir(document), "patches"))
	if err != nil {
		return r, err
	}
	files, _ := filepath.Glob(filepath.Join(patches, "*"))
	if len(files) == 0 {
		patches = ""
	}
	r.Patches = map[string]string{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		if err != nil {
			return r, err
		}
		r.Patches[filepath.Base(file)] = sum(content)
	}

	_, err = kubeadm(complete(text, patches), "config", "validate")
	r.Validate = message(err, patches)
	full, warnings, err := render(text, patches, filepath.Base(filepath.Dir(document)))
	r.Load, r.Warnings = message(err, patches), warnings
	if err != nil {
		return r, nil
	}

	have, base := partOf(full), partOf(empty)
	r.changes = &changes{RestUnchanged: reflect.DeepEqual(without(full), without(empty))}
	r.Command, r.Dropped = minus(have.Command, base.Command), minus(base.Command, have.Command)
	r.Volumes = minus(have.Volumes, base.Volumes)
	r.VolumeMounts = minus(have.VolumeMounts, base.VolumeMounts)
	r.Annotations = have.Annotations
	for name, value := range base.Annotations {
		if r.Annotations[name] == value {
			delete(r.Annotations, name)
		}
	}
	return r, nil
}

// render lets kubeadm write the static Pod manifest and reads it back. It is kept under a name, if it has one.
func render(document []byte, patches, name string) (pod corev1.Pod, warnings []string, err error) {
	folder, err := os.MkdirTemp("", "kubeadm-case-")
	if err != nil {
		return pod, nil, err
	}
	defer os.RemoveAll(folder)
	os.Setenv("KUBEADM_INIT_DRYRUN_DIR", folder)
	warnings, err = kubeadm(complete(document, patches), "init", "phase", "control-plane", "apiserver", "--dry-run")
	if err != nil {
		return pod, warnings, err
	}
	// Up to 1.31 the folder is only the parent of the one that is used.
	manifests, _ := filepath.Glob(filepath.Join(folder, "kube-apiserver.yaml"))
	deeper, _ := filepath.Glob(filepath.Join(folder, "*", "*", "kube-apiserver.yaml"))
	manifests = append(manifests, deeper...)
	if len(manifests) != 1 {
		return pod, warnings, fmt.Errorf("kubeadm wrote %d manifests", len(manifests))
	}
	text, err := os.ReadFile(manifests[0])
	if err != nil {
		return pod, warnings, err
	}
	if err := yaml.UnmarshalStrict(text, &pod); err != nil || pods == "" || name == "" {
		return pod, warnings, err
	}
	tree, err := json.Marshal(pod)
	if err != nil {
		return pod, warnings, err
	}
	if err := os.WriteFile(filepath.Join(pods, name+".json"), tree, 0o644); err != nil {
		return pod, warnings, err
	}
	return pod, warnings, os.WriteFile(filepath.Join(pods, name+".yaml"), text, 0o644)
}

// kubeadm runs one of its commands with --config and gives back its warnings.
func kubeadm(config []byte, args ...string) (warnings []string, err error) {
	file, err := os.CreateTemp("", "kubeadm-config-*.yaml")
	if err != nil {
		return nil, err
	}
	defer os.Remove(file.Name())
	if _, err := file.Write(config); err != nil {
		return nil, err
	}
	if err := file.Close(); err != nil {
		return nil, err
	}
	var log bytes.Buffer
	klog.SetOutput(&log)
	command := cmd.NewKubeadmCommand(os.Stdin, io.Discard, io.Discard)
	command.SetArgs(append(args, "--config", file.Name()))
	err = command.Execute()
	klog.Flush()
	return strings.FieldsFunc(log.String(), func(r rune) bool { return r == '\n' }), err
}

// complete adds what kubeadm would otherwise look up on the network or the machine. The document's
// own bytes stay as they are, so that what is wrong with them stays wrong.
func complete(document []byte, patches string) []byte {
	text := string(document)
	var top map[string]any
	if yaml.Unmarshal(document, &top) == nil && top["kubernetesVersion"] == nil {
		text += "\nkubernetesVersion: " + version.Get().GitVersion + "\n"
	}
	apiVersion := scheme.Scheme.PrioritizedVersionsForGroup(group)[0].String()
	return []byte(text + fmt.Sprintf(initConfiguration, apiVersion, patches))
}

func partOf(p corev1.Pod) pod {
	c := p.Spec.Containers[0]
	annotations := map[string]string{}
	for name, value := range p.Annotations {
		annotations[name] = value
	}
	return pod{slices.Clone(c.Command), slices.Clone(p.Spec.Volumes), slices.Clone(c.VolumeMounts), annotations}
}

// without is the Pod less what partOf takes.
func without(p corev1.Pod) corev1.Pod {
	p = *p.DeepCopy()
	p.Annotations, p.Spec.Volumes = nil, nil
	p.Spec.Containers[0].Command, p.Spec.Containers[0].VolumeMounts = nil, nil
	return p
}

// minus takes each item of b out of a once, and keeps a's order.
func minus[T any](a, b []T) []T {
	rest := slices.Clone(a)
	for _, item := range b {
		if i := slices.IndexFunc(rest, func(x T) bool { return reflect.DeepEqual(x, item) }); i >= 0 {
			rest = slices.Delete(rest, i, i+1)
		}
	}
	return rest
}

// pretty writes JSON with sorted keys and one line for each item of a list, which is what a
// person wants to see in a diff.
func pretty(tree any, indent string) string {
	inner := indent + "  "
	var lines []string
	open, end := "{", "}"
	switch t := tree.(type) {
	case map[string]any:
		for name, value := range t {
			lines = append(lines, inner+compact(name)+": "+pretty(value, inner))
		}
		slices.Sort(lines)
	case []any:
		open, end = "[", "]"
		for _, item := range t {
			lines = append(lines, inner+compact(item))
		}
	default:
		return compact(tree)
	}
	if len(lines) == 0 {
		return open + end
	}
	return open + "\n" + strings.Join(lines, ",\n") + "\n" + indent + end
}

func compact(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		fail(err)
	}
	return strings.TrimSpace(out.String())
}

// message is the error's text, the same wherever the patches lie.
func message(err error, patches string) *string {
	if err == nil {
		return nil
	}
	text := err.Error()
	if patches != "" {
		text = strings.ReplaceAll(text, patches, "patches")
	}
	return &text
}

func sum(text []byte) string { return fmt.Sprintf("%x", sha256.Sum256(text)) }

func fail(err error) {
	fmt.Fprintln(os.Stderr, "kubeadm:", err)
	os.Exit(1)
}
