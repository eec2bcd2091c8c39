{{/* Name of every object in the operator's namespace, and the stem of those elsewhere. */}}
{{- define "crokodial.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride -}}
{{- else if hasSuffix "-operator" .Release.Name -}}
{{- .Release.Name -}}
{{- else -}}
{{- printf "%s-operator" (.Release.Name | trunc 43 | trimSuffix "-") -}}
{{- end -}}
{{- end -}}

{{/* Never changes in the life of an installation: a Deployment's selector is immutable. */}}
{{- define "crokodial.selectorLabels" -}}
app.kubernetes.io/name: crokodial-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "crokodial.labels" -}}
{{ include "crokodial.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: crokodial
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "crokodial.image" -}}
{{- $repository := required "image.repository is empty. Build the operator's image, push it to a registry the cluster can pull from, and pass --set image.repository=HOST/PATH/operator" .Values.image.repository -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" $repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" $repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}

{{/* The watched namespaces, or the reason why there is nothing to install. */}}
{{- define "crokodial.watchNamespaces" -}}
{{- if not .Values.namespaces.watch -}}
{{- fail "namespaces.watch is empty, so the operator could see no environment. Pass --set 'namespaces.watch={crokodial-staging,crokodial-prod}' (and --set namespaces.create=true when they do not exist yet)" -}}
{{- end -}}
{{- join "," .Values.namespaces.watch -}}
{{- end -}}

{{- define "crokodial.subjects" -}}
- kind: ServiceAccount
  name: {{ include "crokodial.fullname" . }}
  namespace: {{ .Release.Namespace }}
{{- end -}}

{{- define "crokodial.userRoleLabels" -}}
{{ include "crokodial.labels" . }}
{{- with .Values.userRoles.labels }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* Environments, releases and what happened to them; no Secret, no log, no pod. */}}
{{- define "crokodial.viewerRules" -}}
- apiGroups: [crokodial.com]
  resources: [crokodialenvironments, crokodialenvironments/scale, crokodialreleases]
  verbs: [get, list, watch]
- apiGroups: ["", events.k8s.io]
  resources: [events]
  verbs: [get, list, watch]
{{- end -}}

{{/* The tenants as JSON; nothing when there are none. Fails for what a schema cannot say. */}}
{{- define "crokodial.tenants" -}}
{{- $names := dict }}
{{- $owners := dict }}
{{- range $tenant := .Values.tenants }}
  {{- if hasKey $names $tenant.name }}
    {{- fail (printf "tenants: two tenants have the name %s" $tenant.name) }}
  {{- end }}
  {{- $_ := set $names $tenant.name true }}
  {{- range $tenant.namespaces }}
    {{- if hasKey $owners . }}
      {{- fail (printf "tenants: namespace %s is in tenant %s and in tenant %s; leave it in one" . (get $owners .) $tenant.name) }}
    {{- end }}
    {{- if not (has . $.Values.namespaces.watch) }}
      {{- fail (printf "tenants: namespace %s of tenant %s is not in namespaces.watch; add it there" . $tenant.name) }}
    {{- end }}
    {{- $_ := set $owners . $tenant.name }}
  {{- end }}
{{- end }}
{{- with .Values.tenants }}{{ toJson . }}{{ end }}
{{- end }}
