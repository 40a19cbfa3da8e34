// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.Machine;
import dev.samara.core.MachineStatistics;
import dev.samara.core.backing.HostFile;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Resource;
import dev.samara.examples.riscv.elf.ElfException;
import dev.samara.examples.riscv.elf.ElfFile;
import dev.samara.examples.riscv.elf.LoadedProgram;
import dev.samara.examples.riscv.elf.ProgramLoader;
import dev.samara.examples.riscv.translate.BackgroundTranslator;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAccumulator;
import org.jspecify.annotations.Nullable;

/**
 * A machine with the processes of a guest. {@link #run} begins the first one, and ends when it has ended; the others
 * are killed then, as in a container.
 */
public final class Emulation {
    /** The most processes and threads at a time. */
    private static final int MOST_PROCESSES = 512;

    private static final int USER = 1000;
    private static final int RANDOM = 16;
    private static final long STACK = 8L << 20;

    private final RunPlan plan;
    private final GuestRoot root;
    private final Machine machine;
    private final ProcessTree tree = new ProcessTree();
    private final FutexTable futexes = new FutexTable();
    private final SegmentTable segments = new SegmentTable();
    private final UnnamedMemory unnamed = new UnnamedMemory();
    private final EventCounts counts = new EventCounts();
    private final AtomicLong inodes = new AtomicLong(1);
    private final AtomicInteger pipes = new AtomicInteger();
    private final LongAccumulator mostResident = new LongAccumulator(Math::max, 0);
    private final @Nullable CallTrace trace;
    private final @Nullable BackgroundTranslator translator;
    private final @Nullable Debugging debugger;
    private @Nullable ScheduledThreadPoolExecutor timers;
    private volatile boolean isEnding;
    private @Nullable MachineStatistics last;

    /**
     * Makes a machine.
     *
     * @param plan what is to be run
     * @throws IOException if the program or the root cannot be found
     */
    public Emulation(RunPlan plan) throws IOException {
        this(plan, null);
    }

    /**
     * Makes a machine whose first process has a debugger.
     *
     * @param plan what is to be run
     * @param debugger controls the threads of the first process; null for none
     * @throws IOException if the program or the root cannot be found
     */
    public Emulation(RunPlan plan, @Nullable Debugging debugger) throws IOException {
        this.plan = plan;
        this.debugger = debugger;
        root = new GuestRoot(plan.root(), plan.program());
        trace = plan.traces() ? new CallTrace(plan.reports()) : null;
        translator = plan.execution() == CodeExecution.INTERPRETED || debugger != null
                ? null
                : new BackgroundTranslator(
                        plan.execution() == CodeExecution.TRANSLATED_AT_ONCE,
                        failure -> report("a translation fails", failure));
        machine = Machine.builder()
                .memory(plan.memory())
                .tlbEntries(plan.tlbEntries())
                .checked(plan.isChecked())
                .reportTo(report -> complain(report.toString()))
                .build();
    }

    Machine machine() {
        return machine;
    }

    UnnamedMemory unnamedMemory() {
        return unnamed;
    }

    /** Returns what makes code of hot blocks; null if there is none. */
    @Nullable
    BackgroundTranslator translator() {
        return translator;
    }

    RunPlan plan() {
        return plan;
    }

    GuestRoot root() {
        return root;
    }

    ProcessTree tree() {
        return tree;
    }

    FutexTable futexes() {
        return futexes;
    }

    SegmentTable segments() {
        return segments;
    }

    EventCounts counts() {
        return counts;
    }

    @Nullable
    CallTrace trace() {
        return trace;
    }

    /** The number of pipes. */
    AtomicInteger pipes() {
        return pipes;
    }

    int user() {
        return USER;
    }

    /** Returns the thread that rings the timers of processes, and starts it for the first one. */
    synchronized ScheduledThreadPoolExecutor timers() {
        ScheduledThreadPoolExecutor known = timers;
        if (known == null) {
            known = new ScheduledThreadPoolExecutor(1, ringing -> {
                Thread made = new Thread(ringing, "timers of the guest");
                made.setDaemon(true);
                return made;
            });
            known.setRemoveOnCancelPolicy(true);
            timers = known;
        }
        return known;
    }

    private synchronized void endTimers() {
        if (timers != null) {
            timers.shutdownNow();
        }
    }

    long newInode() {
        return inodes.incrementAndGet();
    }

    boolean isEnding() {
        return isEnding;
    }

    /** Whether there are as many processes as may be. */
    boolean isFull() {
        int threads = 0;
        for (GuestProcess each : tree.all()) {
            threads += 1 + each.threads();
        }
        return threads > 2 * MOST_PROCESSES;
    }

    /**
     * Runs the program to its end, and closes the machine.
     *
     * @return its exit status, as a shell shows it
     * @throws ElfException if the program cannot be loaded
     * @throws InterruptedException if the thread is interrupted; the guest is ended then
     */
    public int run() throws ElfException, InterruptedException {
        GuestProcess first = begin();
        try {
            tree.awaitEnd(first);
        } finally {
            end();
        }
        return WaitStatus.ofShell(first.exitStatus());
    }

    private GuestProcess begin() throws ElfException {
        List<String> arguments = new ArrayList<>(List.of(plan.program().toString()));
        arguments.addAll(plan.arguments());
        ProgramStart start = new ProgramStart(root.programName(), plan.program(), arguments, plan.environment());
        boolean isBegun = false;
        try {
            Map<Resource, Long> limits = Map.of(Resource.STACK, STACK, Resource.MEMLOCK, STACK);
            LoadedProgram program = load(start, limits);
            GuestProcess process = new GuestProcess(
                    this,
                    tree.newId(),
                    ProcessMemory.of(program),
                    start.names(),
                    streams(),
                    new WorkingFolder(root.firstFolder()),
                    new SignalActions(),
                    limits,
                    0);
            if (debugger != null) {
                process.beginDebugging(debugger);
            }
            GuestThread thread = new GuestThread(process, process.pid(), null);
            thread.begin(program);
            process.add(thread);
            tree.add(process, null);
            thread.start();
            isBegun = true;
            return process;
        } catch (ProgramStart.LoadException e) {
            throw new ElfException(String.valueOf(e.getMessage()));
        } finally {
            if (!isBegun) {
                machine.close();
            }
        }
    }

    private DescriptorTable streams() {
        DescriptorTable files = new DescriptorTable();
        String name = plan.isTerminal() ? "/dev/tty" : "pipe:[0]";
        files.add(new StandardInput(plan.in(), plan.isTerminal()), false, 0);
        files.add(new HostStream(name, plan.out(), plan.isTerminal()), false, 0);
        files.add(new HostStream(name, plan.errors(), plan.isTerminal()), false, 0);
        return files;
    }

    private void end() throws InterruptedException {
        isEnding = true;
        for (GuestProcess each : tree.all()) {
            each.exit(WaitStatus.killed(SignalInfo.KILL));
        }
        tree.awaitEnds();
        endTimers();
        if (translator != null) {
            translator.end();
        }
        segments.close();
        unnamed.free();
        machine.awaitQuiescence();
        last = machine.statistics();
        machine.close();
    }

    /** Loads a program and its interpreter into a new space. */
    LoadedProgram load(ProgramStart start, Map<Resource, Long> limits) throws ProgramStart.LoadException {
        ProgramLoader loader = new ProgramLoader(machine, limits, USER);
        byte[] random = new byte[RANDOM];
        DeviceFile.fillRandomly(random);
        try (HostFile file = machine.openFile(start.host(), ProgramLoader.GEOMETRY)) {
            ElfFile elf = new ElfFile(start.host().toString(), file, ProgramLoader.GEOMETRY);
            String path = elf.interpreter();
            if (path == null) {
                return loader.load(elf, null, start.guest(), start.arguments(), start.environment(), random);
            }
            Path host = root.resolve("/", path, true).host();
            if (host == null || !Files.isRegularFile(host)) {
                throw new ProgramStart.LoadException(
                        LinuxErrno.ENOENT,
                        start.host() + ": its interpreter " + path + " is not there: is --sysroot right?");
            }
            try (HostFile second = machine.openFile(host, ProgramLoader.GEOMETRY)) {
                ElfFile interpreter = new ElfFile(host.toString(), second, ProgramLoader.GEOMETRY);
                return loader.load(elf, interpreter, start.guest(), start.arguments(), start.environment(), random);
            }
        } catch (MmException e) {
            throw new ProgramStart.LoadException(LinuxErrno.of(e), start.host() + ": cannot be opened: " + e.errno());
        } catch (ElfException e) {
            throw new ProgramStart.LoadException(LinuxErrno.ENOEXEC, String.valueOf(e.getMessage()));
        }
    }

    private void complain(String line) {
        synchronized (plan.reports()) {
            plan.reports().println("samara: " + line);
            plan.reports().flush();
        }
    }

    /** Tells of a fault that ends the first process. */
    void killedBy(GuestThread thread, SignalInfo info) {
        if (info.isFault() && thread.process().pid() == ProcessTree.FIRST_PID) {
            complain(String.format(
                    Locale.ROOT,
                    "process %d ends by signal %d, code %d, address 0x%x, pc 0x%x",
                    thread.process().pid(),
                    info.signal(),
                    info.code(),
                    info.address(),
                    thread.hart().pc));
        }
    }

    void outOfMemory(GuestProcess process) {
        complain("process " + process.pid() + " is killed: there is no memory left");
    }

    void broken(GuestThread thread, Throwable failure) {
        report("thread " + thread.tid() + " of the emulator fails", failure);
    }

    private void report(String what, Throwable failure) {
        complain(what + ": " + failure);
        synchronized (plan.reports()) {
            // Where the emulator writes, for a report of its fault: the guest goes on.
            failure.printStackTrace(plan.reports());
            plan.reports().flush();
        }
    }

    /** A process ends, and its memory is still there. */
    void ending(GuestProcess process) {
        mostResident.accumulate(process.memory().space().residency().peak());
        if (plan.showsMaps()) {
            complain("mappings of process " + process.pid() + " at its end:");
            synchronized (plan.reports()) {
                process.memory().space().snapshot().maps().forEach(plan.reports()::println);
                plan.reports().flush();
            }
        }
    }

    /**
     * Returns the statistics of the machine as they were after the end of the last process. To be called after {@link
     * #run}, which closes the machine.
     *
     * @return the statistics; null if no program has run
     */
    public @Nullable MachineStatistics memory() {
        return last;
    }

    /**
     * Returns what the guest has done, after {@link #run}.
     *
     * @return lines for a person
     */
    public List<String> statistics() {
        List<String> lines = new ArrayList<>(counts.lines());
        if (translator != null) {
            lines.add(String.format(Locale.ROOT, "%,d regions of code translated", translator.regionsMade()));
        }
        if (last != null) {
            lines.addAll(MemoryText.lines(last, mostResident.get()));
        }
        return lines;
    }
}
