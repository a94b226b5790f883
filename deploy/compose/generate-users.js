// Users that come, change and go in test.users of the source, PER_SECOND writes a second: for watching a pipeline work.
// Of ten writes six insert, two change a field, one pushes to an array, one deletes.

const perSecond = Number(process.env.PER_SECOND ?? 10);
if (!(perSecond > 0)) throw new Error(`PER_SECOND must be a number above 0, not '${process.env.PER_SECOND}'`);

const pick = (values) => values[Math.floor(Math.random() * values.length)];
const users = db.getCollection("users");
const last = users.find({ _id: { $type: "number" } }, { _id: 1 }).sort({ _id: -1 }).limit(1).toArray()[0];
let next = last ? Number(last._id) + 1 : 1;

const insert = () => {
  const firstname = pick(["Ada", "Alan", "Barbara", "Edsger", "Grace", "Leslie", "Margaret", "Tony"]);
  const lastname = pick(["Dijkstra", "Hamilton", "Hoare", "Hopper", "Lamport", "Liskov", "Lovelace", "Turing"]);
  const email = `${firstname}.${lastname}.${next}@example.com`.toLowerCase();
  users.insertOne({ _id: next, firstname, lastname, age: 18 + Math.floor(Math.random() * 60), email, tags: [] });
  next += 1;
};
const some = () => ({ _id: 1 + Math.floor(Math.random() * next) });
const writes = [
  insert, insert, insert, insert, insert, insert,
  () => users.updateOne(some(), { $inc: { age: 1 } }),
  () => users.updateOne(some(), { $set: { sex: pick(["female", "male", "other"]) } }),
  () => users.updateOne(some(), { $push: { tags: { $each: [pick(["a", "b", "c"])], $slice: -5 } } }),
  () => users.deleteOne(some()),
];

print(`${perSecond} writes a second into test.users, from _id ${next} on`);
for (let done = 0; ; done += 1) {
  try {
    pick(writes)();
  } catch (error) {
    print(`the source did not take the write, going on: ${error.message}`);
  }
  if (done % (perSecond * 10) === 0) print(`${users.estimatedDocumentCount()} users`);
  sleep(1000 / perSecond);
}
