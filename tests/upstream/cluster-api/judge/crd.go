package main

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	utiljson "k8s.io/apimachinery/pkg/util/json"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	"encoding/json"
)

type schema struct {
	structural *structuralschema.Structural
	validator  validation.SchemaValidator
}

// By apiVersion and kind.
type crds map[string]schema

func loadCRDs(root string) crds {
	found := crds{}
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.Contains(path, "/config/crd/bases/") || !strings.HasSuffix(path, ".yaml") {
			return err
		}
		crd := apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.Unmarshal(must(os.ReadFile(path)), &crd); err != nil {
			return err
		}
		if !strings.HasPrefix(crd.Spec.Names.Kind, "KubeadmControlPlane") && crd.Spec.Names.Kind != "ClusterClass" {
			return nil
		}
		for _, version := range crd.Spec.Versions {
			if !version.Served {
				continue
			}
			props := apiextensions.JSONSchemaProps{}
			if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &props, nil); err != nil {
				return err
			}
			structural, err := structuralschema.NewStructural(&props)
			if err != nil {
				return err
			}
			validator, _, err := validation.NewSchemaValidator(&props)
			if err != nil {
				return err
			}
			found[crd.Spec.Group+"/"+version.Name+" "+crd.Spec.Names.Kind] = schema{structural, validator}
		}
		return nil
	})
	if err != nil || len(found) != 6 {
		fmt.Fprintln(os.Stderr, "CRDs:", len(found), err)
		os.Exit(2)
	}
	return found
}

// As the API server does on create with strict field validation.
func (c crds) check(doc object) (faults []string) {
	schema, ok := c[fmt.Sprint(doc["apiVersion"], " ", doc["kind"])]
	if !ok {
		return []string{"no CRD has its apiVersion and kind"}
	}
	// Integers as the API server has them: int64.
	value := object{}
	if err := utiljson.Unmarshal(must(json.Marshal(doc)), &value); err != nil {
		return []string{err.Error()}
	}
	for _, path := range pruning.PruneWithOptions(clone(value), schema.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		faults = append(faults, "unknown field "+path)
	}
	for _, err := range validation.ValidateCustomResource(nil, value, schema.validator) {
		faults = append(faults, err.Error())
	}
	for _, err := range listtype.ValidateListSetsAndMaps(nil, schema.structural, value) {
		faults = append(faults, err.Error())
	}
	rules := cel.NewValidator(schema.structural, true, celconfig.PerCallLimit)
	if rules == nil {
		return append(faults, "the CRD has no CEL rules")
	}
	errs, _ := rules.Validate(ctx, nil, schema.structural, value, nil, celconfig.RuntimeCELCostBudget)
	for _, err := range errs {
		faults = append(faults, err.Error())
	}
	return faults
}
