// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.core.AddressSpace;
import dev.samara.core.Watchpoint;
import dev.samara.core.mman.MmException;
import dev.samara.emulator.gdb.GdbPacket.BadPacketException;
import dev.samara.emulator.gdb.GdbPacket.PacketFields;
import dev.samara.emulator.gdb.GdbPacket.PacketReader;
import dev.samara.emulator.gdb.GdbPacket.PacketWriter;
import dev.samara.emulator.gdb.RegisterSet.TargetDescription;
import dev.samara.emulator.gdb.StopControl.ResumeAction;
import dev.samara.emulator.gdb.StopControl.StopEvent;
import dev.samara.emulator.linux.debug.Debugger.DebuggedProcess;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Serves one client: replies to its packets in order, and reports stops and the end of the guest. Used only by the
 * server's thread, which reads and changes the guest's threads through {@link StopControl}.
 *
 * <p>In the order of the file: the loop over packets and notices; the packets about registers (numbers are
 * little-endian), memory, breakpoints and watchpoints; those that resume the guest; and the queries.
 */
final class GdbSession {
    private static final String BAD = "E01";
    private static final int SIGNAL_BITS = 0x7f;
    private static final int STATUS_SHIFT = 8;

    private static final int MOST_SIGNAL = 0xff;

    /** The maximum number of breakpoints and watchpoints. */
    private static final int MOST_POINTS = 10_000;

    private static final int SOFTWARE = 0;
    private static final int WRITE = 2;
    private static final int READ = 3;
    private static final int ACCESS = 4;

    private static final int UNKNOWN_SIGNAL = 143;

    /**
     * The signal numbers of the protocol ({@code include/gdb/signals.def}) by those of Linux ({@code
     * include/uapi/asm-generic/signal.h}), up to SIGSYS.
     */
    private static final int[] SIGNALS = {
        0,
        1,
        2,
        3,
        4,
        5,
        6,
        10,
        8,
        9,
        30,
        11,
        31,
        13,
        14,
        15,
        UNKNOWN_SIGNAL,
        20,
        19,
        17,
        18,
        21,
        22,
        16,
        24,
        25,
        26,
        27,
        28,
        23,
        32,
        12
    };

    private static final int REAL_TIME_32 = 32;
    private static final int REAL_TIME_33 = 33;
    private static final int REAL_TIME_64 = 64;
    private static final int GDB_REAL_TIME_33 = 45;
    private static final int GDB_REAL_TIME_32 = 77;
    private static final int GDB_REAL_TIME_64 = 78;

    /**
     * A watched range.
     *
     * @param type the type in the packet
     * @param start its first address
     * @param length the length in bytes
     */
    private record WatchKey(int type, long start, long length) {
        String name() {
            return type == WRITE ? "watch" : type == READ ? "rwatch" : "awatch";
        }
    }

    private final StopControl control;
    private final DebuggedProcess process;
    private final GdbServer.SessionInbox inbox;
    private final PacketWriter writer;
    private final ClientFiles files;
    private final boolean isFirst;

    private final Set<Long> breakpoints = new TreeSet<>();

    /** The watched ranges. The value is null if only loads are watched. */
    private final Map<WatchKey, @Nullable Watchpoint> watches = new HashMap<>();

    /** Whether thread IDs include the ID of the process. */
    private boolean hasProcesses;

    private boolean knowsBreakpoints;
    private boolean knowsExecs;
    private boolean acknowledges = true;

    /** The thread for packets about registers; 0 for the thread that caused the stop. */
    private int selected;

    /** Whether the guest runs, and the client waits for the reason of the next stop. */
    private boolean isRunning;

    private boolean isOver;

    /**
     * Creates the session of a client.
     *
     * @param isFirst whether it is the first client, for which the guest was started
     */
    GdbSession(StopControl control, GdbServer.SessionInbox inbox, PacketWriter writer, boolean isFirst) {
        this.control = control;
        process = control.process();
        this.inbox = inbox;
        this.writer = writer;
        this.isFirst = isFirst;
        files = new ClientFiles(process);
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
            clearPoints();
            files.close();
        }
    }

    private void report() throws IOException {
        if (control.hasExited()) {
            isOver = true;
            if (isRunning) {
                writer.send(end());
            }
            return;
        }
        StopEvent event = isRunning ? control.takeEvent() : null;
        if (event != null) {
            isRunning = false;
            selected = 0;
            if (event.cause() == StopEvent.Cause.EXECUTED) {
                // The breakpoints and watchpoints belonged to the old program. The only thread of the new program is
                // stopped.
                clearPoints();
            }
            writer.send(stop(event));
        }
    }

    private String end() {
        int status = control.exitStatus();
        int signal = status & SIGNAL_BITS;
        int number = signal != 0 ? signalOfLinux(signal) : status >> STATUS_SHIFT & 0xff;
        return (signal != 0 ? "X" : "W") + HexFormat.of().toHexDigits((byte) number) + ofProcess();
    }

    private String ofProcess() {
        return hasProcesses ? ";process:" + Integer.toHexString(process.pid()) : "";
    }

    private String stop(StopEvent event) {
        int tid = control.stopper();
        String reason = switch (event.cause()) {
            case BREAKPOINT -> knowsBreakpoints ? "swbreak:;" : "";
            case WATCHED -> event.detail() + ":" + Long.toHexString(event.address()) + ";";
            case EXECUTED ->
                knowsExecs
                        ? "exec:" + HexFormat.of().formatHex(event.detail().getBytes(StandardCharsets.ISO_8859_1)) + ";"
                        : "";
            default -> "";
        };
        return "T"
                + HexFormat.of().toHexDigits((byte) signalOfLinux(event.signal()))
                + reason
                + "thread:" + threadId(tid) + ";"
                + expedited(tid);
    }

    private void serve(GdbPacket packet) throws IOException {
        switch (packet.kind()) {
            case CLOSED -> isOver = true;
            case AGAIN -> writer.sendAgain();
            case INTERRUPT -> {
                if (isRunning) {
                    control.interrupt();
                }
            }
            case BAD -> {
                if (acknowledges) {
                    writer.acknowledge(false);
                } else {
                    writer.send(BAD);
                }
            }
            case DATA -> {
                if (acknowledges) {
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
            case '?' -> stop(control.event());
            case 'g' -> readRegisters();
            case 'G' -> writeRegisters(fields);
            case 'p' -> readRegister(fields);
            case 'P' -> writeRegister(fields);
            case 'm' -> readMemory(fields);
            case 'M' -> writeMemory(fields, false);
            case 'X' -> writeMemory(fields, true);
            case 'H' -> select(fields);
            case 'T' -> control.has(fields.thread()) ? "OK" : BAD;
            case 'Z', 'z' -> point(fields, kind == 'Z');
            case 'c', 'C', 's', 'S' -> {
                resumeAll(new PacketFields(text, 0), kind);
                isRunning = true;
                yield null;
            }
            case 'v' -> longName(text);
            case 'q', 'Q' -> query(text);
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
            resumeSome(new PacketFields(text, "vCont".length()));
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
        if (tid > 0 && !control.has(tid)) {
            throw new BadPacketException();
        }
        if (kind == 'g') {
            selected = Math.max(tid, 0);
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
        if (!(type == SOFTWARE || (type >= WRITE && type <= ACCESS))) {
            return "";
        }
        if (isInserted) {
            insertPoint(type, address, length);
        } else {
            removePoint(type, address, length);
        }
        return "OK";
    }

    /** Returns the ID of the thread for packets about registers. */
    private int selectedThread() {
        return selected > 0 && control.has(selected) ? selected : control.stopper();
    }

    /** Returns a thread ID in the form that this client uses. */
    private String threadId(int tid) {
        String number = Integer.toHexString(tid);
        return hasProcesses ? "p" + Integer.toHexString(process.pid()) + "." + number : number;
    }

    private static void append(StringBuilder to, long value, int bytes) {
        for (int i = 0; i < bytes; i++) {
            to.append(HexFormat.of().toHexDigits((byte) (value >> (i * Byte.SIZE))));
        }
    }

    private static long number(byte[] from, int at, int bytes) {
        long value = 0;
        for (int i = bytes - 1; i >= 0; i--) {
            value = (value << Byte.SIZE) | (from[at + i] & 0xff);
        }
        return value;
    }

    private long[] registers(int tid) throws BadPacketException {
        long[] registers = control.registers(tid);
        if (registers == null) {
            throw new BadPacketException();
        }
        return registers;
    }

    private String readRegisters() throws BadPacketException {
        StringBuilder text = new StringBuilder();
        long[] registers = registers(selectedThread());
        for (int i = 0; i < registers.length; i++) {
            append(text, registers[i], RegisterSet.size(i));
        }
        return text.toString();
    }

    private String writeRegisters(PacketFields fields) throws BadPacketException {
        byte[] bytes = fields.bytes();
        int tid = selectedThread();
        int at = 0;
        for (int i = 0; i < RegisterSet.count(); i++) {
            at += RegisterSet.size(i);
        }
        if (at != bytes.length) {
            throw new BadPacketException();
        }
        at = 0;
        for (int i = 0; i < RegisterSet.count(); i++) {
            int size = RegisterSet.size(i);
            if (size != 0 && !control.setRegister(tid, i, number(bytes, at, size))) {
                throw new BadPacketException();
            }
            at += size;
        }
        return "OK";
    }

    private static int registerNumber(PacketFields fields) throws BadPacketException {
        int number = fields.hex(RegisterSet.count() - 1);
        if (RegisterSet.size(number) == 0) {
            throw new BadPacketException();
        }
        return number;
    }

    private String readRegister(PacketFields fields) throws BadPacketException {
        int number = registerNumber(fields);
        fields.expectEnd();
        StringBuilder text = new StringBuilder();
        append(text, registers(selectedThread())[number], RegisterSet.size(number));
        return text.toString();
    }

    private String writeRegister(PacketFields fields) throws BadPacketException {
        int number = registerNumber(fields);
        fields.expect('=');
        byte[] bytes = fields.bytes();
        int size = RegisterSet.size(number);
        if (bytes.length != size || !control.setRegister(selectedThread(), number, number(bytes, 0, size))) {
            throw new BadPacketException();
        }
        return "OK";
    }

    /**
     * Returns the registers that describe a frame, for the reply about a stop, so that the client need not request
     * them.
     */
    private String expedited(int tid) {
        StringBuilder text = new StringBuilder();
        long[] registers = control.registers(tid);
        if (registers != null) {
            for (int number : new int[] {2, 8, RegisterSet.PC}) {
                text.append(HexFormat.of().toHexDigits((byte) number)).append(':');
                append(text, registers[number], Long.BYTES);
                text.append(';');
            }
        }
        return text.toString();
    }

    /**
     * Reads memory as debuggers do ({@link dev.samara.core.AddressSpace#readForced}): such an access can read a page
     * without rights, and write a private page that is not writable.
     */
    private String readMemory(PacketFields fields) throws BadPacketException {
        long address = fields.hex();
        fields.expect(',');
        int length = Math.min(fields.hex(Integer.MAX_VALUE), PacketReader.LONGEST / 2);
        fields.expectEnd();
        byte[] bytes = new byte[length];
        long read = control.access(space -> space.readForced(address, bytes, 0, length));
        // Returns an error, because an empty reply would mean that the command is not supported.
        if (read <= 0) {
            throw new BadPacketException();
        }
        return HexFormat.of().formatHex(bytes, 0, (int) read);
    }

    private String writeMemory(PacketFields fields, boolean isBinary) throws BadPacketException {
        long address = fields.hex();
        fields.expect(',');
        int length = fields.hex(PacketReader.LONGEST);
        fields.expect(':');
        byte[] bytes = isBinary ? PacketWriter.unescaped(fields.rest()) : fields.bytes();
        if (bytes.length != length) {
            throw new BadPacketException();
        }
        if (length != 0) {
            long written = control.access(space -> space.writeForced(address, ByteBuffer.wrap(bytes)));
            // The bytes may be code, and the write causes no flush that would drop decoded blocks.
            control.changedCode();
            if (written != length) {
                throw new BadPacketException();
            }
        }
        return "OK";
    }

    /**
     * Inserts a breakpoint or watchpoint. Stores are watched by the space, which also reports stores by system calls.
     * Loads are watched by the emulator, for each instruction.
     */
    private void insertPoint(int type, long address, long length) throws BadPacketException {
        if (breakpoints.size() + watches.size() >= MOST_POINTS) {
            throw new BadPacketException();
        }
        if (type == SOFTWARE) {
            breakpoints.add(address);
        } else {
            WatchKey key = new WatchKey(type, address, length);
            if (!watches.containsKey(key)) {
                watches.put(key, type == READ ? watchedInEmulator(key) : watch(key));
            }
        }
        applyPoints();
    }

    /**
     * Checks the range of a read watchpoint as strictly as the space does. Returns null, because the emulator and not
     * the space watches loads.
     */
    private @Nullable Watchpoint watchedInEmulator(WatchKey key) throws BadPacketException {
        long limit = control.process().space().geometry().limit();
        if (key.length() <= 0 || key.length() > limit || key.start() < 0 || key.start() > limit - key.length()) {
            throw new BadPacketException();
        }
        return null;
    }

    private Watchpoint watch(WatchKey key) throws BadPacketException {
        AddressSpace space = control.process().space();
        try {
            return space.watch(
                    key.start(),
                    key.length(),
                    (address, length) -> control.written(
                            Long.compareUnsigned(address, key.start()) > 0 ? address : key.start(), key.name()));
        } catch (IllegalArgumentException | MmException refused) {
            throw new BadPacketException();
        }
    }

    private void removePoint(int type, long address, long length) {
        if (type == SOFTWARE) {
            breakpoints.remove(address);
        } else {
            Watchpoint watch = watches.remove(new WatchKey(type, address, length));
            if (watch != null) {
                watch.close();
            }
        }
        applyPoints();
    }

    private void clearPoints() {
        breakpoints.clear();
        for (Watchpoint each : watches.values()) {
            if (each != null) {
                each.close();
            }
        }
        watches.clear();
        applyPoints();
    }

    private void applyPoints() {
        List<StopControl.WatchedLoads> loads = new ArrayList<>();
        for (WatchKey each : watches.keySet()) {
            if (each.type() != WRITE) {
                loads.add(new StopControl.WatchedLoads(each.start(), each.length(), each.name()));
            }
        }
        control.watchLoads(loads);
        // With a watchpoint, each block contains one instruction, so a hart stops after the instruction that wrote
        // watched bytes.
        control.breakpoints.set(breakpoints.stream().mapToLong(Long::longValue).toArray(), !watches.isEmpty());
        control.changedCode();
    }

    private static ResumeAction action(PacketFields fields) throws BadPacketException {
        char kind = fields.next();
        int signal = kind == 'C' || kind == 'S' ? signalToLinux(fields.hex(MOST_SIGNAL)) : 0;
        return switch (kind) {
            case 'c', 'C' -> new ResumeAction(ResumeAction.Kind.CONTINUE, signal);
            case 's', 'S' -> new ResumeAction(ResumeAction.Kind.STEP, signal);
            default -> throw new BadPacketException();
        };
    }

    /** {@code vCont;ACTION[:THREAD]...}: the first action that matches a thread applies. */
    private void resumeSome(PacketFields fields) throws BadPacketException {
        Map<Integer, ResumeAction> byTid = new HashMap<>();
        ResumeAction others = ResumeAction.STAY;
        boolean hasOthers = false;
        while (!fields.isAtEnd()) {
            fields.expect(';');
            ResumeAction action = action(fields);
            int tid = fields.take(':') ? fields.thread() : PacketFields.ALL;
            if (tid == PacketFields.ALL) {
                others = hasOthers ? others : action;
                hasOthers = true;
            } else if (!hasOthers) {
                byTid.putIfAbsent(tid == 0 ? selectedThread() : tid, action);
            }
        }
        if (!hasOthers && byTid.keySet().stream().noneMatch(control::has)) {
            throw new BadPacketException();
        }
        control.resume(byTid, others);
    }

    /**
     * Applies a signal or step to the selected thread, which by default is the thread that caused the stop. All other
     * threads continue.
     */
    private void resumeAll(PacketFields fields, char kind) throws BadPacketException {
        ResumeAction action = action(fields);
        boolean hasSignal = kind == 'C' || kind == 'S';
        if (!fields.isAtEnd()) {
            if (hasSignal) {
                fields.expect(';');
            }
            long pc = fields.hex();
            fields.expectEnd();
            if (!control.setRegister(selectedThread(), RegisterSet.PC, pc)) {
                throw new BadPacketException();
            }
        }
        control.resume(Map.of(selectedThread(), action), ResumeAction.CONTINUE);
    }

    private String query(String text) throws BadPacketException {
        int end = 0;
        while (end < text.length() && Character.isLetter(text.charAt(end))) {
            end++;
        }
        PacketFields fields = new PacketFields(text, Math.min(end + 1, text.length()));
        return switch (text.substring(0, end)) {
            case "qSupported" -> supported(fields.rest());
            case "qAttached" -> isFirst ? "0" : "1";
            case "qC" -> "QC" + threadId(control.stopper());
            case "qfThreadInfo" -> threads();
            case "qsThreadInfo" -> "l";
            case "qThreadExtraInfo" -> description(fields);
            case "qXfer" -> document(fields);
            case "qOffsets", "qSymbol" -> "";
            case "QStartNoAckMode" -> {
                acknowledges = false;
                yield "OK";
            }
            case "QPassSignals" -> pass(fields);
            default -> "";
        };
    }

    private String supported(String features) {
        List<String> known = List.of(features.split(";", -1));
        hasProcesses = known.contains("multiprocess+");
        knowsBreakpoints = known.contains("swbreak+");
        knowsExecs = known.contains("exec-events+");
        return String.format(
                Locale.ROOT,
                "PacketSize=%x;QStartNoAckMode+;QPassSignals+;vContSupported+;swbreak+;multiprocess+;exec-events+;"
                        + "qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;qXfer:siginfo:read+",
                PacketReader.LONGEST);
    }

    private String threads() {
        StringBuilder text = new StringBuilder();
        for (int tid : control.tids()) {
            text.append(text.length() == 0 ? 'm' : ',').append(threadId(tid));
        }
        return text.length() == 0 ? "l" : text.toString();
    }

    private String description(PacketFields fields) throws BadPacketException {
        int tid = fields.thread();
        fields.expectEnd();
        if (!control.has(tid)) {
            throw new BadPacketException();
        }
        return HexFormat.of().formatHex(control.description(tid).getBytes(StandardCharsets.ISO_8859_1));
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
                byte[] shown = control.signalInfo(selectedThread());
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
            signals.add(signalToLinux(fields.hex(MOST_SIGNAL)));
            if (!fields.isAtEnd()) {
                fields.expect(';');
            }
        }
        control.pass(signals);
        return "OK";
    }

    private static int signalOfLinux(int signal) {
        if (signal < SIGNALS.length) {
            return SIGNALS[signal];
        }
        return switch (signal) {
            case REAL_TIME_32 -> GDB_REAL_TIME_32;
            case REAL_TIME_64 -> GDB_REAL_TIME_64;
            default -> GDB_REAL_TIME_33 + signal - REAL_TIME_33;
        };
    }

    /** Returns the number of a signal in Linux; 0 if Linux has no such signal. */
    private static int signalToLinux(long signal) {
        for (int i = 1; i <= REAL_TIME_64; i++) {
            if (signalOfLinux(i) == signal && signal != UNKNOWN_SIGNAL) {
                return i;
            }
        }
        return 0;
    }
}
