#!/bin/bash
# Accounts of a running registry: users, robots, tokens, rights, guessing; what the commands and plain curl see.
. "$(dirname "$0")/inc/images.sh"
need accounts curl:curl jq:jq htpasswd:apache2-utils
cd "$work" || exit 1
port=$(python3 -c 'import socket; s=socket.socket(); s.bind(("127.0.0.1",0)); print(s.getsockname()[1])')
htpasswd -nbB -C 5 bob 'correct horse' >htpasswd
cat >pabean.yaml <<END
serve:
  listen: 127.0.0.1:$port
  state: ./state
  anonymous: [pull]
  accounts: {htpasswd: htpasswd}
END
url=http://127.0.0.1:$port
export PABEAN_STATE=$work/state
background serve.log "$PABEAN" serve --config pabean.yaml
wait_for 10 curl -s -o /dev/null "$url/v2/" || { cat serve.log >&2; echo "not ok - the registry starts"; exit 1; }
status() { curl -s -o body -D head -w '%{http_code}' -m 10 "$@"; }
is() { local want=$1 got; shift; got=$(status "$@"); [ "$got" = "$want" ] || { echo "got $got"; cat head body; false; }; }
not() { ! "$@"; }
pb() { "$PABEAN" "$@" 2>>messages; }
with() { printf '%s\n' "$1" | { shift; pb "$@" --password-file -; }; }
bearer() {	# user:password or "", scopes: a token
	local who=$1 args=() s
	shift
	for s in "$@"; do args+=(--data-urlencode "scope=$s"); done
	curl -s -m 10 -G ${who:+-u "$who"} --data-urlencode service=x "${args[@]}" "$url/token" | jq -r .token
}
claims() { cut -d. -f2 | tr _- /+ | { cat; echo ===; } | base64 -d 2>/dev/null | jq -c "$1"; }

check "without credentials /v2/ is 401" is 401 "$url/v2/"
check "with a Bearer challenge" grep -qi "^www-authenticate: Bearer realm=\"$url/token\",service=" head
check "a user is added" with 'battery staple' user add alice -g 'team/**:pull,push' -g 'home/{user}/**:*'
check "twice is refused" not with 'battery staple' user add alice
check "a short password is refused" not with 'short' user add carol
check "a default password is refused" not with 'Harbor12345' user add admin
check "a robot's token is made" eval 'secret=$(pb token create ci -g "team/**:pull,push" --expires 2100-01-01) && [ ${#secret} = 47 ]'
check "Basic" is 200 -u 'alice:battery staple' "$url/v2/"
check "Basic of the htpasswd file" is 200 -u 'bob:correct horse' "$url/v2/"
check "a wrong password is 401" is 401 -u 'alice:wrong' "$url/v2/"
check "the robot's token as password" is 200 -u "ci:$secret" "$url/v2/"
check "the robot's token as Bearer" is 200 -H "Authorization: Bearer $secret" "$url/v2/"
t=$(bearer 'alice:battery staple' repository:team/app:pull,push repository:home/alice/x:delete repository:home/bob/x:push)
check "scopes are cut to what the account may" \
	[ "$(printf %s "$t" | claims '[.access[]|[.name]+.actions]')" = '[["team/app","pull","push"],["home/alice/x","delete"],["home/bob/x","pull"]]' -o \
	  "$(printf %s "$t" | claims '[.access[]|[.name]+.actions]')" = '[["team/app","pull","push"],["home/alice/x","delete"]]' ]
check "a token counts" is 200 -H "Authorization: Bearer $t" "$url/v2/"
check "a token is bound to its scopes" is 401 -H "Authorization: Bearer $t" -X POST "$url/v2/team/other/blobs/uploads/"
check "a token does not manage accounts" is 403 -H "Authorization: Bearer $t" "$url/api/v1/accounts"
check "the anonymous get a token for pull" [ "$(bearer '' repository:team/app:pull,push | claims '.access[0].actions')" = '["pull"]' ]
check "a broken signature is 401" is 401 -H "Authorization: Bearer ${t%??}AA" "$url/v2/"
check "without a right push is 401 for the anonymous" is 401 -X POST "$url/v2/team/app/blobs/uploads/"
check "and 403 for who is known" is 403 -u 'bob:correct horse' -X POST "$url/v2/team/app/blobs/uploads/"
check "users are listed" eval 'pb user list | grep -q "^alice .*database .*team/\*\*:pull,push"'
check "robots are listed" eval 'pb token list | grep -q "^ci .*2100-01-01T00:00:00Z"'
check "as JSON, without secrets" eval 'pb user list -f json >list.json && jq -e ".accounts|length == 3" list.json && ! grep -qE "[$]|pbn_" list.json'
check "not for everybody" is 403 -u 'alice:battery staple' "$url/api/v1/accounts"
check "rights are replaced" pb user grant alice -g '**:admin'
check "and count at once, also in tokens" is 401 -H "Authorization: Bearer $t" -X POST "$url/v2/team/app/blobs/uploads/"
check "an administrator from elsewhere" is 200 -u 'alice:battery staple' "$url/api/v1/accounts"
PABEAN_TOKEN=$secret check "a robot without admin is refused" not pb user list --server "$url"
check "a new password" with 'another one' user passwd alice
check "ends the old one" is 401 -u 'alice:battery staple' "$url/v2/"
check "and tokens given for it" is 401 -H "Authorization: Bearer $t" "$url/v2/"
check "an account of a file is changed there" not pb user remove bob
check "a token is revoked" pb token revoke ci
check "and counts no more" is 401 -H "Authorization: Bearer $secret" "$url/v2/"
for _ in 1 2 3 4 5; do is 401 -u 'eve:guess' "$url/v2/" >/dev/null; done
check "guessing is slowed" is 429 -u 'eve:guess' "$url/v2/"
check "with Retry-After" grep -qiE '^retry-after: [1-9]' head
check "others are not" is 200 -u 'bob:correct horse' "$url/v2/"
check "changes are in the audit log" wait_for 10 eval 'grep -q "\"account.add\"" state/audit.jsonl && grep -q "\"account.remove\"" state/audit.jsonl'
check "no secret is in a log" not grep -rqE "$secret|battery staple|another one|correct horse|eyJhbGci" serve.log messages state/audit.jsonl
check "none in the database" not grep -aqE "$secret|battery staple|another one" state/pabean.db state/pabean.db-wal
