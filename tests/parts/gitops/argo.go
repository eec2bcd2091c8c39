package main

import (
	"fmt"
	"regexp"

	lua "github.com/yuin/gopher-lua"
	"sigs.k8s.io/yaml"
)

const argocd = "deploy/gitops/argocd/argocd-cm.yaml"

// argo returns the keys of the shipped ConfigMap.
func argo(root string) (map[string]string, error) {
	var config struct {
		Data map[string]string `json:"data"`
	}
	return config.Data, read(root, argocd, &config)
}

// customActions is one key resource.customizations.actions.*.
type customActions struct {
	Discovery   string `json:"discovery.lua"`
	Definitions []struct {
		Name   string `json:"name"`
		Script string `json:"action.lua"`
	} `json:"definitions"`
}

// actions tries which actions are offered, and what each changes.
func actions(root string, r *report) error {
	customizations, err := argo(root)
	if err != nil {
		return err
	}
	release := func(phase string, pin bool, rollbackable any) object {
		status := object{"phase": phase}
		if rollbackable != nil {
			status["rollbackable"] = rollbackable
		}
		return object{"spec": object{"pin": pin}, "status": status}
	}
	environment := func(suspend string, hold any) object {
		status := object{}
		if hold != nil {
			status["hold"] = object{"kind": hold}
		}
		return object{"spec": object{"stage": "prod", "suspend": suspend}, "status": status}
	}
	for _, kind := range []struct {
		name    string
		offered map[string][]object // by the names of the enabled actions
	}{
		{"CrokodialRelease", map[string][]object{
			"[pin]":   {release("Good", false, true), release("Good", false, nil)},
			"[unpin]": {release("Good", true, true), release("Rejected", true, nil)},
			"[]":      {release("Rejected", false, nil), release("Good", false, false), {"spec": object{}}},
		}},
		{"CrokodialEnvironment", map[string][]object{
			"[suspend]":       {environment("None", nil), environment("None", "Pin"), {"spec": object{}}},
			"[retry suspend]": {environment("None", "Rejected"), environment("None", "RolledBack")},
			"[resume]":        {environment("All", nil), environment("Plan", nil)},
		}},
	} {
		var custom customActions
		key := "resource.customizations.actions.crokodial.com_" + kind.name
		if err := yaml.UnmarshalStrict([]byte(customizations[key]), &custom); err != nil {
			return fmt.Errorf("%s, %s: %w", argocd, key, err)
		}
		for want, cases := range kind.offered {
			for _, given := range cases {
				answer, err := runLua(given, custom.Discovery)
				if err != nil {
					r.failed(kind.name, err)
					continue
				}
				enabled := map[string]bool{}
				for name, properties := range answer {
					if properties.(object)["disabled"] != true {
						enabled[name] = true
					}
				}
				r.equal(fmt.Sprintf("actions of %s %v", kind.name, given), keys(enabled), want)
			}
		}
		for _, action := range custom.Definitions {
			given := object{"spec": object{}}
			changed, err := runLua(given, action.Script)
			if err != nil {
				r.failed(action.Name, err)
				continue
			}
			spec := changed["spec"].(object)
			switch action.Name {
			case "pin":
				r.equal("pin", spec, object{"pin": true, "pinReason": "pinned in Argo CD"})
			case "unpin":
				r.equal("unpin", spec, object{"pin": false, "pinReason": ""})
			case "suspend":
				r.equal("suspend", spec, object{"suspend": "All"})
			case "resume":
				r.equal("resume", spec, object{"suspend": "None"})
			case "retry":
				retry, _ := spec["rollout"].(object)["retry"].(string)
				// A schema rule of rollout.retry.
				allowed := regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`).MatchString(retry) && len(retry) <= 64
				r.equal("retry "+retry, allowed, true)
			default:
				r.failed(action.Name, fmt.Errorf("no check for this action"))
			}
		}
	}
	return nil
}

// runLua runs a script with the libraries that Argo CD gives it, and with the object in the variable obj. The script
// must return a table.
func runLua(obj object, script string) (object, error) {
	state := lua.NewState(lua.Options{SkipOpenLibs: true})
	defer state.Close()
	for name, open := range map[string]lua.LGFunction{
		lua.LoadLibName: lua.OpenPackage, lua.BaseLibName: lua.OpenBase, lua.TabLibName: lua.OpenTable,
	} {
		if err := state.CallByParam(lua.P{Fn: state.NewFunction(open), Protect: true}, lua.LString(name)); err != nil {
			return nil, err
		}
	}
	// Argo CD offers os.time and os.date only, by require.
	state.PreloadModule(lua.OsLibName, func(l *lua.LState) int {
		lua.OpenOs(l)
		full := l.Get(-1).(*lua.LTable)
		safe := l.NewTable()
		for _, name := range []string{"time", "date"} {
			safe.RawSetString(name, full.RawGetString(name))
		}
		l.SetGlobal(lua.OsLibName, lua.LNil)
		l.Push(safe)
		return 1
	})
	state.SetGlobal("obj", toLua(state, obj))
	if err := state.DoString(script); err != nil {
		return nil, err
	}
	table, ok := fromLua(state.Get(-1)).(object)
	if !ok {
		return nil, fmt.Errorf("the script returned no table")
	}
	return table, nil
}

func toLua(state *lua.LState, value any) lua.LValue {
	switch value := value.(type) {
	case bool:
		return lua.LBool(value)
	case string:
		return lua.LString(value)
	case int64:
		return lua.LNumber(value)
	case float64:
		return lua.LNumber(value)
	case []any:
		list := state.NewTable()
		for _, item := range value {
			list.Append(toLua(state, item))
		}
		return list
	case object:
		table := state.NewTable()
		for key, item := range value {
			table.RawSetString(key, toLua(state, item))
		}
		return table
	default:
		return lua.LNil
	}
}

func fromLua(value lua.LValue) any {
	switch value := value.(type) {
	case lua.LBool:
		return bool(value)
	case lua.LString:
		return string(value)
	case lua.LNumber:
		return float64(value)
	case *lua.LTable:
		table := object{}
		value.ForEach(func(key, item lua.LValue) { table[key.String()] = fromLua(item) })
		return table
	default:
		return nil
	}
}
