/**
 * A minimal adapter: registers, sends one message and prints the reply as it arrives.
 * Start the gateway first, then run `deno run --allow-net examples/adapter.ts Hello`.
 */

const content = Deno.args.join(" ") || "Hello Clara";
const socket = new WebSocket("ws://127.0.0.1:18789");
const send = (frame: object) => socket.send(JSON.stringify(frame));

socket.onopen = () => {
  send({
    type: "register",
    platform: "example",
    node_id: "example-2",
    capabilities: ["streaming"],
  });
  send({
    type: "message",
    request_id: crypto.randomUUID(),
    user_id: "example-user",
    channel_id: "example-channel",
    content,
    attachments: [],
  });
};

socket.onmessage = ({ data }) => {
  const frame = JSON.parse(data);
  if (frame.type === "response_chunk") {
    Deno.stdout.writeSync(new TextEncoder().encode(frame.content));
  } else if (["response_end", "cancelled", "error"].includes(frame.type)) {
    console.log(frame.message ?? "");
    socket.close();
  }
};
