"""usage: report_check.py SCHEMA DIR SARIF_SCHEMA-or-empty   prints "ok - " and "not ok - " lines"""
import json
import sys

import jsonschema

schema_path, directory, sarif_schema = sys.argv[1:4]
failed = False


def report(name, problems):
    global failed
    for p in problems[:10]:
        print('#', p)
    failed = failed or bool(problems)
    print(('not ok - ' if problems else 'ok - ') + name)


def problems_of(validator, value):
    return ['/'.join(map(str, e.absolute_path)) + ': ' + e.message[:300] for e in validator.iter_errors(value)]


schema = json.load(open(schema_path))
jsonschema.Draft7Validator.check_schema(schema)
sample = json.load(open(directory + '/sample.json'))
one = jsonschema.Draft7Validator({'definitions': schema['definitions'], '$ref': '#/definitions/report'})
report('JSON is what docs/scan.schema.json says', problems_of(one, sample))
report('an array of reports, too', problems_of(jsonschema.Draft7Validator(schema), [sample, sample]))
broken = json.loads(json.dumps(sample))
broken['findings'][0]['severity'] = 'grave'
report('the schema notices a wrong report', [] if problems_of(one, broken) else ['it did not'])

sarif = json.load(open(directory + '/sample.sarif'))
if sarif_schema:
    text = open(sarif_schema).read()
    if sarif_schema.endswith('.go'):
        text = text[text.index('`') + 1:text.rindex('`')]
    validator = jsonschema.validators.validator_for(json.loads(text))(json.loads(text))
    report('SARIF is what the OASIS schema says', problems_of(validator, sarif))
else:
    print('skip - SARIF against the OASIS schema: it could not be fetched here')

# What GitHub's and others' code scanning needs beyond the schema.
bad = []
for run in sarif['runs']:
    rules = run['tool']['driver']['rules']
    if len({r['id'] for r in rules}) != len(rules):
        bad.append('a rule is given twice')
    for r in rules:
        if not 0 <= float(r['properties'].get('security-severity', 0)) <= 10:
            bad.append('security-severity of ' + r['id'])
    for r in run['results']:
        if rules[r['ruleIndex']]['id'] != r['ruleId']:
            bad.append('ruleIndex of ' + r['ruleId'])
        if not r['partialFingerprints'] or not r['locations'] or not r['message']['text']:
            bad.append('incomplete result ' + r['ruleId'])
        for place in r['locations']:
            if place['physicalLocation']['artifactLocation']['uri'].startswith('/'):
                bad.append('absolute uri')
report('SARIF makes useful code-scanning alerts', bad)
sys.exit(failed)
