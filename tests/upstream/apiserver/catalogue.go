package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/pflag"
	utilfeature "k8s.io/apiserver/pkg/util/feature"
	"k8s.io/component-base/version"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const (
	flagsHeader = "# Every flag of kube-apiserver: name, minors, type, default, deprecated (yes, or by what replaced). Written by ci/upstream."
	namesHeader = "# Feature gates and admission plugins of kube-apiserver: name, minors, kind, default, locked. Written by ci/upstream."
)

// state is what is the same of a flag, a gate or a plugin over a range of minors.
type state struct{ kind, byDefault, mark string }

// flags says what each flag of this minor is.
func flags() (map[string]state, error) {
	found := map[string]state{}
	var odd error
	flags := flagsOf(options.NewServerRunOptions())
	flags.VisitAll(func(f *pflag.Flag) {
		kind, err := kindOf(f)
		odd = errors.Join(odd, err)
		found[f.Name] = state{kind, defaultOf(f), deprecation(f, flags)}
	})
	return found, odd
}

// names says what values the flags about feature gates and admission plugins of this minor take.
func names() (map[string]state, error) {
	found := map[string]state{}
	for name, spec := range utilfeature.DefaultMutableFeatureGate.GetAll() {
		locked := ""
		if spec.LockToDefault {
			locked = "locked"
		}
		found["gate/"+string(name)] = state{"gate", strconv.FormatBool(spec.Default), locked}
	}
	admission := options.NewServerRunOptions().Admission.GenericAdmission
	for _, name := range admission.Plugins.Registered() {
		found["plugin/"+name] = state{"plugin", strconv.FormatBool(!admission.DefaultOffPlugins.Has(name)), ""}
	}
	return found, nil
}

// catalogue replaces what a catalogue says about the minor that this program is linked with.
func catalogue(in *bufio.Reader, out *bufio.Writer, header string, ask func() (map[string]state, error)) error {
	minor, err := strconv.Atoi(version.Get().Minor)
	if err != nil {
		return fmt.Errorf("built without a version: use the build script")
	}
	known := map[string]map[int]state{}
	if err := read(in, known); err != nil {
		return err
	}
	for _, states := range known {
		delete(states, minor)
	}
	found, err := ask()
	if err != nil {
		return err
	}
	for name, now := range found {
		if known[name] == nil {
			known[name] = map[int]state{}
		}
		known[name][minor] = now
	}
	fmt.Fprintln(out, header)
	for _, name := range slices.Sorted(maps.Keys(known)) {
		write(out, name, known[name])
	}
	return nil
}

// read takes in lines such as `NAME<tab>28-35<tab>int<tab>0<tab>`.
func read(in io.Reader, known map[string]map[int]state) error {
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "#") {
			continue
		}
		fields := strings.Split(lines.Text(), "\t")
		if len(fields) != 5 {
			return fmt.Errorf("not five columns: %q", lines.Text())
		}
		var first, last int
		if _, err := fmt.Sscanf(fields[1], "%d-%d", &first, &last); err != nil {
			return fmt.Errorf("%q: %w", fields[1], err)
		}
		if known[fields[0]] == nil {
			known[fields[0]] = map[int]state{}
		}
		for minor := first; minor <= last; minor++ {
			known[fields[0]][minor] = state{fields[2], fields[3], fields[4]}
		}
	}
	return lines.Err()
}

// write gives a line to each run of minors in which nothing changes.
func write(out io.Writer, name string, states map[int]state) {
	minors := []int{}
	for minor := range states {
		minors = append(minors, minor)
	}
	slices.Sort(minors)
	for from := 0; from < len(minors); {
		to := from
		for to+1 < len(minors) && minors[to+1] == minors[to]+1 && states[minors[to+1]] == states[minors[from]] {
			to++
		}
		s := states[minors[from]]
		fmt.Fprintf(out, "%s\t%d-%d\t%s\t%s\t%s\n", name, minors[from], minors[to], s.kind, s.byDefault, s.mark)
		from = to + 1
	}
}

// kindOf names how a value is read. Upstream's names are many, and some stand for several readers,
// so Go's type decides where they do.
func kindOf(f *pflag.Flag) (string, error) {
	value := reflect.ValueOf(f.Value)
	if value.Type().String() == "*flag.TrackerValue" { // remembers whether the flag was given
		value = value.Elem().FieldByName("value").Elem()
	}
	switch value.Type().String() {
	case "*flag.ConfigurationMap":
		return "settings", nil
	case "*flag.NamedCertKeyArray":
		return "certKeys", nil
	case "*flag.MapStringString":
		if value.Elem().FieldByName("NoSplit").Bool() {
			return "entry", nil
		}
		return "map", nil
	}
	kinds := map[string]string{
		"bool": "bool", "int": "int", "int32": "int32", "int64": "int64", "uint": "uint", "uint16": "uint16", "uint32": "uint32",
		"float32": "float32", "float64": "float64", "duration": "duration", "string": "string", "ip": "ip",
		"int32Slice": "ints", "stringSlice": "list", "strings": "list", "sliceString": "list", "stringArray": "array", "stringToString": "pairs",
		"mapStringBool": "switches", "colonSeparatedMultimapStringString": "multimap",
		"portRange": "portRange", "cidrs": "cidrs", "quantity": "quantity", "Level": "level", "pattern=N,...": "vmodule",
		"version": "version", "tristate": "bool", "severity": "severity",
	}
	kind, known := kinds[f.Value.Type()]
	if !known {
		return "", fmt.Errorf("--%s has the type %s (%T), which packwright does not know", f.Name, f.Value.Type(), f.Value)
	}
	return kind, nil
}

// defaultOf writes lists as a command line would.
func defaultOf(f *pflag.Flag) string {
	text := f.DefValue
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		text = text[1 : len(text)-1]
	}
	if text == "<nil>" || text == "map[]" {
		text = ""
	}
	return strings.NewReplacer("\t", " ", "\n", " ").Replace(text)
}

var otherFlag = regexp.MustCompile(`--([a-z0-9-]+[a-z0-9])`)

// deprecation is empty, `yes`, or the flags that upstream names instead.
func deprecation(f *pflag.Flag, flags *pflag.FlagSet) string {
	usage := strings.ToLower(f.Usage)
	if f.Deprecated == "" && !strings.HasPrefix(usage, "deprecated") && !strings.HasPrefix(usage, "[deprecated") {
		return ""
	}
	instead := []string{}
	for _, match := range otherFlag.FindAllStringSubmatch(f.Deprecated, -1) {
		if name := match[1]; name != f.Name && flags.Lookup(name) != nil && !slices.Contains(instead, name) {
			instead = append(instead, name)
		}
	}
	if len(instead) == 0 {
		return "yes"
	}
	return strings.Join(instead, ",")
}
