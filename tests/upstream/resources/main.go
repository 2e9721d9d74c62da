// Writes the API resources that Kubernetes serves, as src/kubernetes/resources.tsv has them, out of the
// discovery documents that Kubernetes keeps in its repository, in which every API is turned on.
//
//	resources MINOR=FOLDER...    the folder of Kubernetes' source for each minor
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// resource is what discovery says of one, in all versions of its group together.
type resource struct {
	group, name, kind, singular string
	namespaced                  bool
	short, verbs                []string
}

func main() {
	rows := map[resourceKey][]int{}
	for _, arg := range os.Args[1:] {
		minor, folder, _ := strings.Cut(arg, "=")
		number, err := strconv.Atoi(strings.TrimPrefix(minor, "1."))
		check(err)
		for _, found := range read(folder) {
			key := found.key()
			rows[key] = append(rows[key], number)
		}
	}
	lines := []string{}
	for key, minors := range rows {
		sort.Ints(minors)
		lines = append(lines, string(key)+"\t"+ranges(minors))
	}
	sort.Strings(lines)
	fmt.Println("# Written by tests/upstream/resources, do not edit.")
	fmt.Println("# group, resource, kind, singular, short names, scope, verbs, minors")
	for _, line := range lines {
		fmt.Println(line)
	}
}

// resourceKey is a line without its minors.
type resourceKey string

func (r resource) key() resourceKey {
	scope := "cluster"
	if r.namespaced {
		scope = "namespace"
	}
	return resourceKey(strings.Join([]string{r.group, r.name, r.kind, r.singular, set(r.short), scope, set(r.verbs)}, "\t"))
}

func set(words []string) string {
	slices.Sort(words)
	return strings.Join(slices.Compact(words), ",")
}

func read(folder string) map[string]*resource {
	paths, err := filepath.Glob(filepath.Join(folder, "api/discovery/api*__*.json"))
	check(err)
	all := map[string]*resource{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		check(err)
		var list struct {
			Kind         string
			GroupVersion string
			Resources    []struct {
				Name, SingularName, Kind string
				Namespaced               bool
				ShortNames, Verbs        []string
			}
		}
		check(json.Unmarshal(text, &list))
		if list.Kind != "APIResourceList" {
			continue // of a whole group
		}
		group, _, inGroup := strings.Cut(list.GroupVersion, "/")
		if !inGroup {
			group = ""
		}
		for _, item := range list.Resources {
			key := group + "/" + item.Name
			if all[key] == nil {
				all[key] = &resource{group: group, name: item.Name, kind: item.Kind, namespaced: item.Namespaced}
			}
			if item.SingularName != "" {
				all[key].singular = item.SingularName
			}
			all[key].short = append(all[key].short, item.ShortNames...)
			all[key].verbs = append(all[key].verbs, item.Verbs...)
		}
	}
	if len(all) == 0 {
		check(fmt.Errorf("%s has no api/discovery", folder))
	}
	return all
}

// ranges writes 28, 29, 30, 34 as 28-30,34.
func ranges(numbers []int) string {
	parts := []string{}
	for start := 0; start < len(numbers); {
		end := start
		for end+1 < len(numbers) && numbers[end+1] == numbers[end]+1 {
			end++
		}
		part := strconv.Itoa(numbers[start])
		if end > start {
			part += "-" + strconv.Itoa(numbers[end])
		}
		parts = append(parts, part)
		start = end + 1
	}
	return strings.Join(parts, ",")
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "resources:", err)
		os.Exit(1)
	}
}
