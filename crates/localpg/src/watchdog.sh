# Looks after one PostgreSQL server for its owner, who holds the other end of standard input. One
# command a line comes in, one answer a line goes out. When the input ends, the owner is done or
# dead: the server is stopped and its directory removed.
#
# $1 directory to make, $2 directory of the binaries, $3 name of the superuser, $4 seconds to become ready

base=$1 bin=$2 superuser=$3 deadline=$4
data=$base/data log=$base/postgres.log
pid=

# The owner's end ends this process, and nothing else does: a Ctrl-C or an answer that nobody reads
# any more must not keep it from cleaning up.
trap '' HUP INT TERM PIPE
umask 077

nap() {
    sleep 0.02 2>/dev/null || sleep 1
}

# The fork collects a dead child, which would otherwise still count as alive.
alive() {
    [ -n "$pid" ] && (:) && kill -0 "$pid" 2>/dev/null
}

ready() {
    { read -r first <"$data/postmaster.pid"; } 2>/dev/null &&
        [ "$first" = "$pid" ] && grep -q '^ready' "$data/postmaster.pid" 2>/dev/null
}

# $1: port
start() {
    # A server that was killed this moment needs a second look.
    if ! alive || ! { nap && alive; }; then
        "$bin/postgres" -D "$data" -p "$1" </dev/null >>"$log" 2>&1 &
        pid=$!
    fi
    end=$(($(date +%s) + deadline))
    until ready; do
        if ! alive; then
            pid=
            echo exited
            return
        fi
        if [ "$(date +%s)" -ge "$end" ]; then
            echo late
            return
        fi
        nap
    done
    echo ready
}

# $1: the signal to begin with. Harder ones follow after 5 and 10 seconds.
halt() {
    alive || return
    kill -s "$1" "$pid"
    begun=$(date +%s)
    while alive; do
        waited=$(($(date +%s) - begun))
        if [ "$waited" -ge 10 ]; then
            kill -s KILL "$pid"
        elif [ "$waited" -ge 5 ]; then
            kill -s QUIT "$pid"
        fi
        nap
    done 2>/dev/null
    pid=
}

mkdir "$base" 2>/dev/null || exit 1
echo made
while read -r command argument; do
    case $command in
    initdb)
        if "$bin/initdb" -D "$data" -U "$superuser" --pwfile="$base/password" --no-sync \
            --encoding=UTF8 --locale=C --auth-local=scram-sha-256 --auth-host=scram-sha-256 \
            </dev/null >"$base/initdb.log" 2>&1; then
            echo initialised
        else
            echo failed
        fi
        ;;
    start)
        start "$argument"
        ;;
    crash)
        halt QUIT
        echo stopped
        ;;
    esac
done
halt INT
rm -rf "$base"
