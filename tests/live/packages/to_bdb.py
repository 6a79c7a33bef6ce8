#!/usr/bin/env python3
"""Header blobs of an rpm sqlite database as input of db5.3_load -t hash: what rpm before 4.16 wrote."""
import sqlite3, struct, sys

print("VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize=4096\nHEADER=END\n 00000000\n ff000000")
for number, blob in sqlite3.connect(sys.argv[1]).execute("select hnum, blob from Packages"):
    print(" " + struct.pack("<I", number).hex() + "\n " + blob.hex())
print("DATA=END")
