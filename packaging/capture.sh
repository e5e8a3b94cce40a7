#!/bin/sh
# Collects what the switches of this compute node hold into DIR/NODE, verbatim and readable by hand.
# Copy the folders of several nodes into one and trace over it: tianchi trace FROM TO --source DIR.
# Needs root where ovs-vsctl does, and nothing but Open vSwitch's own tools and ip. Reads only.
set -u

usage() {
  echo "usage: $0 DIR [NODE]" >&2
  echo "  DIR   the folder to collect into; made where it is missing" >&2
  echo "  NODE  how this node is called, as in binding:host_id; default: the hostname" >&2
  exit 2
}

[ $# -ge 1 ] && [ $# -le 2 ] || usage
case $1 in -*) usage ;; esac

node=${2:-$(hostname)}
case $node in
  '' | .* | */*) echo "$0: NODE is '$node'; it must be the name of a folder" >&2; exit 2 ;;
esac
dir=$1/$node
if [ -e "$dir" ]; then
  echo "$0: $dir is there already; give another folder" >&2
  exit 1
fi
if ! bridges=$(ovs-vsctl list-br); then
  echo "$0: ovs-vsctl list-br fails: run this where Open vSwitch runs, as root" >&2
  exit 1
fi
mkdir -p "$dir" || exit 1
missing=0

# collect FILE COMMAND...: what a command prints; a command that fails leaves no file.
collect() {
  file=$dir/$1
  shift
  if "$@" >"$file" 2>"$file.error"; then
    rm -f "$file.error"
    return
  fi
  echo "$0: $file is left out, as this fails: $*: $(head -n 1 "$file.error")" >&2
  rm -f "$file" "$file.error"
  missing=1
}

# A node may have a datapath of the kernel and one of its own.
connections() {
  for datapath in $(ovs-appctl dpctl/dump-dps); do
    ovs-appctl dpctl/dump-conntrack "$datapath" || return
  done
}

collect interfaces.json ovs-vsctl --format=json \
  --columns=name,type,ofport,mac_in_use,link_state,options,external_ids list Interface
collect bridges.json ovs-vsctl --format=json --columns=name,datapath_type,external_ids list Bridge
collect ports.json ovs-vsctl --format=json --columns=name,tag,trunks,vlan_mode list Port
collect dpif.txt ovs-appctl dpif/show
collect routes.txt ovs-appctl ovs/route/show
collect neighbours.txt ovs-appctl tnl/neigh/show
collect addresses.txt ip addr
collect conntrack.txt connections

for bridge in $bridges; do
  mkdir -p "$dir/bridges/$bridge" || exit 1
  collect "bridges/$bridge/flows.txt" ovs-ofctl -O OpenFlow13 --no-names dump-flows "$bridge"
  collect "bridges/$bridge/groups.txt" ovs-ofctl -O OpenFlow15 --no-names dump-groups "$bridge"
  collect "bridges/$bridge/ports.txt" ovs-ofctl -O OpenFlow13 dump-ports-desc "$bridge"
  collect "bridges/$bridge/tlv-map.txt" ovs-ofctl dump-tlv-map "$bridge"
  collect "bridges/$bridge/fdb.txt" ovs-appctl fdb/show "$bridge"
done

echo "$dir"
exit $missing
