"""What an injected pod is called by: annotations, labels, containers, volumes and ports. One place for all who look.

The injector and `meshtui inject` write them, discovery and checks read them.
"""

PREFIX = "mesh.meshtui.dev/"
INJECT = PREFIX + "inject"  # on a namespace or a pod: enabled or disabled
ENABLED, DISABLED = "enabled", "disabled"
ENFORCE, PRIVILEGED = "pod-security.kubernetes.io/enforce", "privileged"  # label of a namespace: which pods it takes

# What an injected pod carries.
MESHED = PREFIX + "meshed"  # label
WORKLOAD_KIND = PREFIX + "workload-kind"  # labels
WORKLOAD_NAME = PREFIX + "workload-name"
CREATED_BY = PREFIX + "created-by"  # annotations
PROXY_VERSION = PREFIX + "proxy-version"
TRUST_ROOT = PREFIX + "trust-root-sha256"
PAUSED = PREFIX + "paused-containers"  # those that were given a preStop
BLANK = PREFIX + "blank-parts"  # those that were there before ours, with nothing in them

# What a pod, or for all its pods a namespace, may ask for.
PROXY_IMAGE = PREFIX + "proxy-image"
PULL_POLICY = PREFIX + "image-pull-policy"
LOG_LEVEL = PREFIX + "proxy-log-level"
CPU_REQUEST = PREFIX + "proxy-cpu-request"
CPU_LIMIT = PREFIX + "proxy-cpu-limit"
MEMORY_REQUEST = PREFIX + "proxy-memory-request"
MEMORY_LIMIT = PREFIX + "proxy-memory-limit"
OPAQUE_PORTS = PREFIX + "opaque-ports"
SKIP_INBOUND = PREFIX + "skip-inbound-ports"
SKIP_OUTBOUND = PREFIX + "skip-outbound-ports"
SKIP_NETWORKS = PREFIX + "skip-networks"
NATIVE_SIDECAR = PREFIX + "native-sidecar"
DRAIN = PREFIX + "drain-timeout"
DETECT = PREFIX + "detect-timeout"
APP_PRE_STOP = PREFIX + "app-pre-stop"
WORKERS = PREFIX + "proxy-workers"
OVERRIDES = (
    PROXY_IMAGE,
    PULL_POLICY,
    LOG_LEVEL,
    CPU_REQUEST,
    CPU_LIMIT,
    MEMORY_REQUEST,
    MEMORY_LIMIT,
    OPAQUE_PORTS,
    SKIP_INBOUND,
    SKIP_OUTBOUND,
    SKIP_NETWORKS,
    NATIVE_SIDECAR,
    DRAIN,
    DETECT,
    APP_PRE_STOP,
    WORKERS,
)

PROXY, REDIRECT = "meshtui-proxy", "meshtui-redirect"  # containers
TOKEN_VOLUME, RUN_VOLUME, TRUST_VOLUME = VOLUMES = "meshtui-token", "meshtui-run", "meshtui-trust"
TOKEN_FOLDER = "/var/run/secrets/meshtui"  # noqa: S105 - where a token is, not what
TRUST_FOLDER = "/var/run/meshtui"
AUDIENCE = "identity.mesh.meshtui.dev"
INBOUND_PORT, OUTBOUND_PORT, ADMIN_PORT = OWN_PORTS = 4143, 4140, 4191
PROXY_UID = 2102

COMPONENT, CONTROLLER = PREFIX + "component", "controller"  # label of the control plane's own pods
CONTROL_NAMESPACE_LABEL = PREFIX + "control-plane"
CONFIG_MAP, CONFIG_KEY = "meshtui-config", "config.yaml"
ANCHORS_MAP, ANCHORS_KEY = "meshtui-trust-anchors", "anchors.pem"
ISSUER_SECRET = "meshtui-identity-issuer"  # noqa: S105 - its name
