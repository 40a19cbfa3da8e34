// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.gdb;

import dev.samara.core.AddressSpace;
import dev.samara.core.Cpu;
import dev.samara.core.Machine;
import dev.samara.core.mman.Mman;
import dev.samara.emulator.cpu.BlockCache.Breakpoints;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.elf.ProgramLoader;
import dev.samara.emulator.gdb.GdbPacket.PacketReader;
import dev.samara.emulator.gdb.GdbPacket.PacketWriter;
import dev.samara.emulator.gdb.GdbServer.SessionInbox;
import dev.samara.emulator.gdb.StopControl.StopEvent;
import dev.samara.emulator.gdb.StopControl.TracedThread;
import dev.samara.emulator.linux.debug.Debugger.DebuggedProcess;
import dev.samara.emulator.linux.debug.Debugger.DebuggedThread;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.jspecify.annotations.Nullable;

/**
 * A session with a guest whose two threads are stopped. When the client resumes them, they stop again immediately, for
 * a different reason each time, so each packet is answered.
 */
public final class StoppedSession {
    private static final long MEMORY = 16 << 20;
    private static final long START = 0x10000;
    private static final int PAGE = 4096;
    private static final Machine MACHINE = Machine.builder().memory(MEMORY).build();
    private static final Path FILE = file();
    private static final ExecutorService READER = Executors.newSingleThreadExecutor(StoppedSession::daemon);

    private static final StopEvent[] EVENTS = {
        StopEvent.of(StopEvent.Cause.BREAKPOINT, StopEvent.TRAP),
        StopEvent.of(StopEvent.Cause.STEPPED, StopEvent.TRAP),
        new StopEvent(StopEvent.Cause.WATCHED, StopEvent.TRAP, START, "awatch"),
        StopEvent.of(StopEvent.Cause.SIGNALLED, 11),
        StopEvent.of(StopEvent.Cause.INTERRUPTED, StopEvent.INT),
        new StopEvent(StopEvent.Cause.EXECUTED, StopEvent.TRAP, 0, "/bin/other")
    };

    private final SessionInbox inbox = new SessionInbox();
    private final StopControl control = new StopControl(inbox::notice);
    private int stops;

    private StoppedSession() {}

    private static Thread daemon(Runnable task) {
        Thread thread = new Thread(task, "reader of a stopped session");
        thread.setDaemon(true);
        return thread;
    }

    private static Path file() {
        try {
            Path file = Files.createTempFile("stopped", ".file");
            file.toFile().deleteOnExit();
            return Files.write(file, new byte[] {'#', '$', '}', '*', 0, -1});
        } catch (IOException e) {
            throw new ExceptionInInitializerError(e);
        }
    }

    /**
     * Runs a session, and checks the format of its output and that it leaks nothing.
     *
     * @param sent the bytes of the client, which then closes the connection
     * @return the number of packets that were sent to the client
     * @throws Exception if the session does not end as it should
     */
    public static int run(byte[] sent) throws Exception {
        int packets;
        try (AddressSpace space = MACHINE.newSpace(ProgramLoader.GEOMETRY);
                Cpu cpu = MACHINE.claimCpu()) {
            map(space);
            cpu.switchTo(space);
            StoppedProcess process = new StoppedProcess(space, FILE);
            packets = SentFrames.count(new StoppedSession().run(process, cpu, sent));
            if (!process.isClosed()) {
                throw new AssertionError("a file is left open");
            }
        }
        MACHINE.awaitQuiescence();
        long frames = MACHINE.statistics().framesInUse();
        if (frames != 0) {
            throw new AssertionError(frames + " frames are left in use");
        }
        return packets;
    }

    /** Maps two writable pages, a read-only page, and an inaccessible page. */
    private static void map(AddressSpace space) {
        int flags = Mman.PRIVATE | Mman.ANONYMOUS | Mman.FIXED;
        int both = Mman.READ | Mman.WRITE;
        if (space.mmap(START, 2 * PAGE, both, flags, null, 0) != START
                || space.mmap(START + 2 * PAGE, PAGE, Mman.READ, flags, null, 0) < 0
                || space.mmap(START + 3 * PAGE, PAGE, 0, flags, null, 0) < 0) {
            throw new AssertionError("the memory cannot be mapped");
        }
    }

    private byte[] run(StoppedProcess process, Cpu cpu, byte[] sent)
            throws IOException, InterruptedException, ExecutionException {
        control.begins(process);
        Hart hart = new Hart(cpu);
        for (int tid = StoppedProcess.PID; tid < StoppedProcess.PID + 2; tid++) {
            control.starts(new StoppedThread(tid, hart, this::stopAgain));
        }
        synchronized (control) {
            // The second thread is in a system ccontrol.
            control.threads()
                    .forEach(each -> each.state = each.tid() == StoppedProcess.PID
                            ? TracedThread.StopState.PARKED
                            : TracedThread.StopState.IN_CALL);
        }
        ByteArrayOutputStream answers = new ByteArrayOutputStream();
        PacketReader reader = new PacketReader(new ByteArrayInputStream(sent));
        Future<?> reading = READER.submit(() -> read(reader));
        try {
            new GdbSession(control, inbox, new PacketWriter(answers), true).run();
        } finally {
            inbox.close();
            control.detach();
        }
        reading.get();
        return answers.toByteArray();
    }

    private Void read(PacketReader reader) throws InterruptedException {
        GdbPacket packet;
        do {
            packet = reader.read();
        } while (inbox.put(packet) && packet.kind() != GdbPacket.Kind.CLOSED);
        return null;
    }

    /** Called with the lock held, when the client resumes the threads. */
    private void stopAgain() {
        if (control.isAttached() && !control.isStopped()) {
            StopEvent event = EVENTS[stops++ % EVENTS.length];
            control.begin(control.threads().iterator().next(), event);
        }
    }

    /** A stopped thread that runs a task instead of resuming when it is woken. */
    static final class StoppedThread implements DebuggedThread {
        private final int tid;
        private final Hart hart;
        private final Runnable woken;

        StoppedThread(int tid, Hart hart, Runnable woken) {
            this.tid = tid;
            this.hart = hart;
            this.woken = woken;
        }

        @Override
        public int tid() {
            return tid;
        }

        @Override
        public Hart hart() {
            return hart;
        }

        @Override
        public boolean mustEnd() {
            return false;
        }

        @Override
        public void park() {
            throw new AssertionError("it does not run");
        }

        @Override
        public void wake() {
            woken.run();
        }

        @Override
        public void ask() {
            throw new AssertionError("it does not run");
        }

        @Override
        public void changedCode() {
            // This thread has no decoded code.
        }

        @Override
        public void stopAt(Breakpoints breakpoints) {
            // This thread executes no instructions.
        }

        @Override
        public void forgetCall() {
            // This thread makes no calls.
        }

        @Override
        public void send(int signal) {
            if (signal < 1 || signal > 64) {
                throw new AssertionError("signal " + signal);
            }
        }
    }

    /** A process that executes nothing: it has memory, one file in {@code /proc} and one file of the host. */
    static final class StoppedProcess implements DebuggedProcess {
        static final int PID = 100;

        private final AddressSpace space;
        private final Path file;
        private final List<FileChannel> opened = new ArrayList<>();

        StoppedProcess(AddressSpace space, Path file) {
            this.space = space;
            this.file = file;
        }

        @Override
        public int pid() {
            return PID;
        }

        @Override
        public AddressSpace space() {
            return space;
        }

        /** Returns bytes, some of which must be escaped. */
        @Override
        public byte[] auxiliary() {
            return "\0#$}*\u00ff\3 of a stopped process".getBytes(StandardCharsets.ISO_8859_1);
        }

        @Override
        public String program() {
            return "/bin/\u00e4#$}*";
        }

        @Override
        public byte @Nullable [] procFile(String path) {
            return path.equals("/proc/self/maps") ? auxiliary() : null;
        }

        @Override
        public @Nullable FileChannel openHostFile(String path) throws IOException {
            if (!path.equals("/file")) {
                return null;
            }
            FileChannel channel = FileChannel.open(file, StandardOpenOption.READ);
            opened.add(channel);
            return channel;
        }

        /** Returns whether the session closed all files that it opened. */
        boolean isClosed() {
            return opened.stream().noneMatch(FileChannel::isOpen);
        }

        @Override
        public void kill() {
            // Nothing to do: the session ends, too.
        }

        @Override
        public void send(int signal) {
            throw new AssertionError("signal " + signal + " to the process");
        }
    }
}
