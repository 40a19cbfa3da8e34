// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.emulator.linux.debug.DebuggedProcess;
import java.nio.charset.StandardCharsets;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Set;

/**
 * The packets {@code q} and {@code Q}: queries for supported features, for threads, and for documents, e.g. the
 * auxiliary vector.
 */
final class QueryCommands {
    private static final int MOST_SIGNAL = 0xff;

    private final AllStop all;
    private final ClientThreads threads;
    private final DebuggedProcess process;
    private final ClientState client;
    private final boolean isFirst;

    /**
     * Creates the queries of a client.
     *
     * @param isFirst whether it is the first client, for which the guest was started
     */
    QueryCommands(AllStop all, ClientThreads threads, DebuggedProcess process, ClientState client, boolean isFirst) {
        this.all = all;
        this.threads = threads;
        this.process = process;
        this.client = client;
        this.isFirst = isFirst;
    }

    String answer(String text) throws BadPacketException {
        int end = 0;
        while (end < text.length() && Character.isLetter(text.charAt(end))) {
            end++;
        }
        PacketFields fields = new PacketFields(text, Math.min(end + 1, text.length()));
        return switch (text.substring(0, end)) {
            case "qSupported" -> supported(fields.rest());
            case "qAttached" -> isFirst ? "0" : "1";
            case "qC" -> "QC" + client.threadId(threads.stopper());
            case "qfThreadInfo" -> threads();
            case "qsThreadInfo" -> "l";
            case "qThreadExtraInfo" -> description(fields);
            case "qXfer" -> document(fields);
            case "qOffsets", "qSymbol" -> "";
            case "QStartNoAckMode" -> {
                client.acknowledges = false;
                yield "OK";
            }
            case "QPassSignals" -> pass(fields);
            default -> "";
        };
    }

    private String supported(String features) {
        List<String> known = List.of(features.split(";", -1));
        client.hasProcesses = known.contains("multiprocess+");
        client.knowsBreakpoints = known.contains("swbreak+");
        client.knowsExecs = known.contains("exec-events+");
        return String.format(
                Locale.ROOT,
                "PacketSize=%x;QStartNoAckMode+;QPassSignals+;vContSupported+;swbreak+;multiprocess+;exec-events+;"
                        + "qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;qXfer:siginfo:read+",
                PacketReader.LONGEST);
    }

    private String threads() {
        StringBuilder text = new StringBuilder();
        for (int tid : threads.tids()) {
            text.append(text.length() == 0 ? 'm' : ',').append(client.threadId(tid));
        }
        return text.length() == 0 ? "l" : text.toString();
    }

    private String description(PacketFields fields) throws BadPacketException {
        int tid = fields.thread();
        fields.expectEnd();
        if (!threads.has(tid)) {
            throw new BadPacketException();
        }
        return HexFormat.of().formatHex(threads.description(tid).getBytes(StandardCharsets.ISO_8859_1));
    }

    /** {@code qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH}. */
    private String document(PacketFields fields) throws BadPacketException {
        String object = fields.until(':');
        if (!fields.until(':').equals("read")) {
            return "";
        }
        String annex = fields.until(':');
        int offset = fields.hex(Integer.MAX_VALUE);
        fields.expect(',');
        int length = Math.min(fields.hex(Integer.MAX_VALUE), PacketReader.LONGEST / 4);
        fields.expectEnd();
        byte[] bytes;
        switch (object) {
            case "features" -> {
                if (!annex.equals("target.xml")) {
                    return "E00";
                }
                bytes = TargetDescription.bytes();
            }
            case "auxv" -> bytes = process.auxiliary();
            case "siginfo" -> {
                byte[] shown = threads.signalInfo(client.selectedThread());
                if (shown == null) {
                    return "E01";
                }
                bytes = shown;
            }
            case "exec-file" -> bytes = process.program().getBytes(StandardCharsets.ISO_8859_1);
            default -> {
                return "";
            }
        }
        int start = Math.min(offset, bytes.length);
        int count = Math.min(length, bytes.length - start);
        return (start + count < bytes.length ? "m" : "l") + PacketWriter.escaped(bytes, start, count);
    }

    private String pass(PacketFields fields) throws BadPacketException {
        Set<Integer> signals = new HashSet<>();
        while (!fields.isAtEnd()) {
            signals.add(GdbSignals.toLinux(fields.hex(MOST_SIGNAL)));
            if (!fields.isAtEnd()) {
                fields.expect(';');
            }
        }
        all.pass(signals);
        return "OK";
    }
}
