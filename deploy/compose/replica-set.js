// Health check of a replica set of one member: initiates it where that has not happened, then waits for its primary.
// Run by mongosh inside the member's container; exit code 0 means that writes are accepted.

const deadline = Date.now() + 12_000;

try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  rs.initiate({ _id: process.env.REPLICA_SET, members: [{ _id: 0, host: process.env.MEMBER }] });
}

while (!db.hello().isWritablePrimary) {
  if (Date.now() > deadline) {
    print("not a primary yet");
    quit(1);
  }
  sleep(200);
}
