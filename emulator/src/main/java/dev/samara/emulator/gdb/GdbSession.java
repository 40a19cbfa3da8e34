// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.core.mman.MmException;
import dev.samara.emulator.linux.debug.DebuggedProcess;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import org.jspecify.annotations.Nullable;

/** Serves one client: replies to its packets in order, and reports stops and the end of the guest. */
final class GdbSession {
    private static final String BAD = "E01";
    private static final int SIGNAL_BITS = 0x7f;
    private static final int STATUS_SHIFT = 8;

    private final AllStop all;
    private final ClientThreads threads;
    private final DebuggedProcess process;
    private final SessionInbox inbox;
    private final PacketWriter writer;
    private final ClientState client;
    private final RegisterCommands registers;
    private final MemoryCommands memory;
    private final ResumeCommands resumes;
    private final QueryCommands queries;
    private final ClientFiles files;
    private final DebugPoints points;

    /** Whether the guest runs, and the client waits for the reason of the next stop. */
    private boolean isRunning;

    private boolean isOver;

    GdbSession(AllStop all, StopControl control, SessionInbox inbox, PacketWriter writer, boolean isFirst) {
        this.all = all;
        threads = new ClientThreads(all, control.breakpoints());
        process = control.process();
        this.inbox = inbox;
        this.writer = writer;
        client = new ClientState(threads, process);
        registers = new RegisterCommands(threads, client);
        memory = new MemoryCommands(control);
        resumes = new ResumeCommands(threads, client);
        queries = new QueryCommands(all, threads, process, client, isFirst);
        files = new ClientFiles(process);
        points = new DebugPoints(control);
    }

    /** Serves the client until it disconnects or the guest ends. */
    void run() throws IOException, InterruptedException {
        try {
            // The guest may have ended before this session could be notified.
            report();
            while (!isOver) {
                GdbPacket packet = inbox.take();
                if (packet == null) {
                    report();
                } else {
                    serve(packet);
                }
            }
        } finally {
            points.clear();
            files.close();
        }
    }

    private void report() throws IOException {
        if (all.hasExited()) {
            isOver = true;
            if (isRunning) {
                writer.send(end());
            }
            return;
        }
        StopEvent event = isRunning ? all.takeEvent() : null;
        if (event != null) {
            isRunning = false;
            client.selected = 0;
            if (event.cause() == StopEvent.Cause.EXECUTED) {
                // The breakpoints and watchpoints belonged to the old program. The only thread of the new program is
                // stopped.
                points.clear();
            }
            writer.send(stop(event));
        }
    }

    private String end() {
        int status = all.exitStatus();
        int signal = status & SIGNAL_BITS;
        int number = signal != 0 ? GdbSignals.ofLinux(signal) : status >> STATUS_SHIFT & 0xff;
        return (signal != 0 ? "X" : "W") + HexFormat.of().toHexDigits((byte) number) + ofProcess();
    }

    private String ofProcess() {
        return client.hasProcesses ? ";process:" + Integer.toHexString(process.pid()) : "";
    }

    private String stop(StopEvent event) {
        int tid = all.stopper();
        String reason = switch (event.cause()) {
            case BREAKPOINT -> client.knowsBreakpoints ? "swbreak:;" : "";
            case WATCHED -> event.detail() + ":" + Long.toHexString(event.address()) + ";";
            case EXECUTED ->
                client.knowsExecs
                        ? "exec:" + HexFormat.of().formatHex(event.detail().getBytes(StandardCharsets.ISO_8859_1)) + ";"
                        : "";
            default -> "";
        };
        return "T"
                + HexFormat.of().toHexDigits((byte) GdbSignals.ofLinux(event.signal()))
                + reason
                + "thread:" + client.threadId(tid) + ";"
                + registers.expedited(tid);
    }

    private void serve(GdbPacket packet) throws IOException {
        switch (packet.kind()) {
            case CLOSED -> isOver = true;
            case AGAIN -> writer.sendAgain();
            case INTERRUPT -> {
                if (isRunning) {
                    all.interrupt();
                }
            }
            case BAD -> {
                if (client.acknowledges) {
                    writer.acknowledge(false);
                } else {
                    writer.send(BAD);
                }
            }
            case DATA -> {
                if (client.acknowledges) {
                    writer.acknowledge(true);
                }
                String reply = isRunning ? BAD : answerSafely(packet.text());
                if (reply != null) {
                    writer.send(reply);
                }
                report();
            }
        }
    }

    /** Returns a reply; null if the reply follows later or there is none. */
    private @Nullable String answerSafely(String text) {
        try {
            return answer(text);
        } catch (BadPacketException | MmException | IllegalStateException | IllegalArgumentException refused) {
            return BAD;
        }
    }

    private @Nullable String answer(String text) throws BadPacketException {
        if (text.isEmpty()) {
            return "";
        }
        PacketFields fields = new PacketFields(text, 1);
        char kind = text.charAt(0);
        return switch (kind) {
            case '?' -> stop(all.event());
            case 'g' -> registers.readAll();
            case 'G' -> registers.writeAll(fields);
            case 'p' -> registers.readOne(fields);
            case 'P' -> registers.writeOne(fields);
            case 'm' -> memory.read(fields);
            case 'M' -> memory.write(fields, false);
            case 'X' -> memory.write(fields, true);
            case 'H' -> select(fields);
            case 'T' -> threads.has(fields.thread()) ? "OK" : BAD;
            case 'Z', 'z' -> point(fields, kind == 'Z');
            case 'c', 'C', 's', 'S' -> {
                resumes.all(new PacketFields(text, 0), kind);
                isRunning = true;
                yield null;
            }
            case 'v' -> longName(text);
            case 'q', 'Q' -> queries.answer(text);
            case 'D' -> {
                isOver = true;
                yield "OK";
            }
            case 'k' -> {
                kill();
                yield null;
            }
            default -> "";
        };
    }

    private @Nullable String longName(String text) throws BadPacketException {
        if (text.equals("vCont?")) {
            return "vCont;c;C;s;S";
        }
        if (text.startsWith("vCont;")) {
            resumes.some(new PacketFields(text, "vCont".length()));
            isRunning = true;
            return null;
        }
        if (text.startsWith("vKill")) {
            kill();
            return "OK";
        }
        return text.startsWith("vFile:") ? files.answer(text) : "";
    }

    private void kill() {
        isOver = true;
        process.kill();
    }

    private String select(PacketFields fields) throws BadPacketException {
        char kind = fields.next();
        int tid = fields.thread();
        fields.expectEnd();
        if (tid > 0 && !threads.has(tid)) {
            throw new BadPacketException();
        }
        if (kind == 'g') {
            client.selected = Math.max(tid, 0);
        }
        return "OK";
    }

    private String point(PacketFields fields, boolean isInserted) throws BadPacketException {
        int type = fields.hex(Integer.MAX_VALUE);
        fields.expect(',');
        long address = fields.hex();
        fields.expect(',');
        long length = fields.hex();
        fields.expectEnd();
        if (!DebugPoints.isKnown(type)) {
            return "";
        }
        if (isInserted) {
            points.insert(type, address, length);
        } else {
            points.remove(type, address, length);
        }
        return "OK";
    }
}
