"""Two raylets on this machine, one CPU each. Prints the address; a line on stdin removes the second; its end ends all.

With a folder as argument the second raylet is in a mount namespace where that folder is empty.
"""

import os
import subprocess
import sys
import time

os.environ["RAY_USAGE_STATS_ENABLED"] = "0"

import ray  # noqa: E402
from ray.cluster_utils import Cluster  # noqa: E402

_STORE_BYTES = 80 << 20


def begun(head: dict[str, int]) -> Cluster:
    """Return a cluster with its head: on a busy machine Ray gives up before it is loaded."""
    for again in (True, True, True, False):
        try:
            return Cluster(initialize_head=True, head_node_args=head)
        except Exception:
            ray.shutdown()
            if not again:
                raise
    raise AssertionError


def main() -> None:
    head = {"num_cpus": 1, "object_store_memory": _STORE_BYTES, "include_dashboard": False}
    cluster = begun(head)
    try:
        if len(sys.argv) > 1:
            start = (
                f"mount -t tmpfs none '{sys.argv[1]}' && exec '{sys.executable}' -m ray.scripts.scripts start --block"
            )
            start += f" --address {cluster.address} --num-cpus 1 --object-store-memory {_STORE_BYTES}"
            words, starts = ["unshare", "-m", "sh", "-c", start], 1
            second = subprocess.Popen(words, stdout=sys.stderr)
            ray.init(address=cluster.address, log_to_driver=False, logging_level="critical")
            while sum(node["Alive"] for node in ray.nodes()) < 2:
                time.sleep(0.1)
                if second.poll() is not None:  # on a busy machine Ray gives up before it is loaded
                    assert starts < 4
                    second, starts = subprocess.Popen(words, stdout=sys.stderr), starts + 1
            ray.shutdown()
            print(cluster.address, flush=True)
            sys.stdin.read()
            second.terminate()
            second.wait()
            return
        node = cluster.add_node(num_cpus=1, object_store_memory=_STORE_BYTES)
        print(cluster.address, flush=True)
        if sys.stdin.readline():
            cluster.remove_node(node, allow_graceful=False)
            print("removed", flush=True)
            sys.stdin.read()
    finally:
        cluster.shutdown()


if __name__ == "__main__":
    main()
