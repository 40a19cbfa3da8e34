// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux;

import dev.samara.core.AddressSpace;
import dev.samara.core.Machine;
import dev.samara.core.MachineStatistics;
import dev.samara.core.event.Report;
import dev.samara.emulator.elf.ElfFile.ElfException;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.RunPlan.ExecutionMode;
import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.abi.WaitStatus;
import dev.samara.emulator.linux.call.SystemCalls;
import dev.samara.emulator.linux.call.SystemCalls.CallTrace;
import dev.samara.emulator.linux.debug.Debugger;
import dev.samara.emulator.linux.file.DescriptorTable;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.HostStream;
import dev.samara.emulator.linux.file.Pipe;
import dev.samara.emulator.linux.process.GuestProcess;
import dev.samara.emulator.linux.process.GuestProcess.ResourceLimits;
import dev.samara.emulator.linux.process.GuestSystem;
import dev.samara.emulator.linux.process.GuestSystem.GuestReports;
import dev.samara.emulator.linux.process.GuestThread;
import dev.samara.emulator.linux.process.MemoryShortage;
import dev.samara.emulator.linux.process.ProgramStart;
import dev.samara.emulator.linux.process.ProgramStart.StartedProgram;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions;
import dev.samara.emulator.translate.BackgroundTranslator;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * A machine with the processes of a guest. {@link #run} starts the first process, and returns after that process has
 * ended. All other processes are then killed, as in a container.
 */
public final class Emulation {
    /** The user ID and group ID of a guest. */
    private static final int USER = 1000;

    private final RunPlan plan;
    private final GuestRoot root;
    private final Machine machine;
    private final GuestReports reports;
    private final GuestSystem system;
    private final @Nullable BackgroundTranslator translator;
    private final @Nullable Debugger debugger;
    private @Nullable MachineStatistics last;

    /**
     * Creates a machine.
     *
     * @param plan describes the program and the machine
     * @throws IOException if the program or the root cannot be found
     */
    public Emulation(RunPlan plan) throws IOException {
        this(plan, null);
    }

    /**
     * Creates a machine whose first process has a debugger.
     *
     * @param plan describes the program and the machine
     * @param debugger controls the threads of the first process; null if there is no debugger
     * @throws IOException if the program or the root cannot be found
     */
    public Emulation(RunPlan plan, @Nullable Debugger debugger) throws IOException {
        this.plan = plan;
        this.debugger = debugger;
        root = new GuestRoot(plan.root(), plan.program());
        reports = new GuestReports(plan.reports(), plan.showsMaps());
        MemoryShortage shortage = new MemoryShortage(reports);
        CallTrace trace = plan.traces() ? new CallTrace(plan.reports()) : null;
        translator = plan.execution() == ExecutionMode.INTERPRETED || debugger != null
                ? null
                : new BackgroundTranslator(
                        plan.execution() == ExecutionMode.TRANSLATED_AT_ONCE,
                        failure -> reports.failed("a translation fails", failure));
        machine = Machine.builder()
                .memory(plan.memory())
                .maxMapCount(GuestLimits.MAPPINGS_OF_PROCESS)
                .tlbEntries(plan.tlbEntries())
                .checked(plan.isChecked())
                // As on Linux, a guest that needs its bytes on the device must call fsync.
                .forceOnClose(false)
                // The guest's threads poll after each block, so a thread that has not polled for long was not running
                // on a processor of the host.
                .reportShootdownsLongerThan(Duration.ofSeconds(10))
                .lowMemory(shortage)
                .reportTo(report -> report(report, shortage))
                .build();
        system = new GuestSystem(
                machine,
                plan.memory(),
                plan.processors(),
                root,
                plan.isRoot() ? 0 : USER,
                translator,
                reports,
                shortage,
                thread -> new SystemCalls(thread, trace));
    }

    private void report(Report report, MemoryShortage shortage) {
        if (report.kind() == Report.Kind.SPACE_REAPED) {
            // The message about the killed process is enough for the user.
            shortage.reaped();
        } else {
            reports.complain(report.toString());
        }
    }

    /**
     * Returns the machine of the guest.
     *
     * @return the machine, which {@link #run} closes
     */
    public Machine machine() {
        return machine;
    }

    /**
     * Returns the memory of the running processes, for a thread that observes them. A process may end at any time,
     * which closes its space.
     *
     * @return the spaces, by the PIDs and names of their processes
     */
    public Map<String, AddressSpace> spaces() {
        Map<String, AddressSpace> spaces = new LinkedHashMap<>();
        system.tree
                .living()
                .forEach(process -> spaces.put(
                        process.pid + " " + GuestText.shown(process.program().command()), process.memory().space));
        return spaces;
    }

    /**
     * Returns how many system calls the guest executed so far.
     *
     * @return the number, for all processes together
     */
    public long systemCalls() {
        return system.counts.calls();
    }

    /**
     * Runs the program to its end, and closes the machine.
     *
     * @return its exit status, as a shell shows it
     * @throws ElfException if the program cannot be loaded
     * @throws InterruptedException if the thread is interrupted, which ends the guest
     */
    public int run() throws ElfException, InterruptedException {
        return run(() -> {});
    }

    /**
     * Runs the program to its end, and closes the machine.
     *
     * @param beforeClose called by this thread after all processes have ended, while the machine is still open
     * @return its exit status, as a shell shows it
     * @throws ElfException if the program cannot be loaded
     * @throws InterruptedException if the thread is interrupted, which ends the guest
     */
    public int run(Runnable beforeClose) throws ElfException, InterruptedException {
        GuestProcess first = begin();
        try {
            system.tree.awaitEnd(first);
        } finally {
            end(beforeClose);
        }
        return WaitStatus.ofShell(first.exitStatus());
    }

    /**
     * Ends the guest as SIGTERM does: {@link #run} writes its files back, and returns. Does not wait. Does nothing if
     * the guest has already ended. May be called by any thread.
     */
    public void stop() {
        system.stop(SignalInfo.TERM);
    }

    /**
     * Prints a line where the emulator prints its messages.
     *
     * @param line the line, without a line terminator
     */
    public void complain(String line) {
        reports.complain(line);
    }

    /** A seam for tests: sets the function that starts the threads of the guest. Called before {@link #run}. */
    void startThreadsBy(Consumer<Thread> other) {
        system.startThreadsBy(other);
    }

    /**
     * A seam for tests: sets an action that runs when a guest thread is created, and that makes its creation fail.
     * Called before {@link #run}.
     */
    void beforeEachThread(Runnable failing) {
        system.beforeCalls(failing);
    }

    /** Returns the number of open files. For tests. */
    int openFiles() {
        return system.openFiles.number();
    }

    private GuestProcess begin() throws ElfException {
        String inside = root.nameOf(plan.program());
        String called = inside == null ? root.programName : inside;
        List<String> arguments = new ArrayList<>();
        // If the path is outside of the root, it is not passed as typed, because the guest could not execute itself by
        // it.
        arguments.add(called);
        arguments.addAll(texts(plan.arguments()));
        ProgramStart start =
                new ProgramStart(root.programName, plan.program(), called, arguments, texts(plan.environment()));
        boolean isBegun = false;
        GuestThread thread = null;
        StartedProgram program = null;
        try {
            ResourceLimits limits = new ResourceLimits();
            program = start.load(machine, root, system.names, limits.ofSpace(), system.user);
            GuestProcess process = new GuestProcess(
                    system,
                    system.tree.newId(),
                    program.memory(system.mappings),
                    start.names(called),
                    streams(),
                    system.firstFolder(),
                    new SignalActions(),
                    limits,
                    0);
            if (debugger != null) {
                process.beginDebugging(debugger);
            }
            thread = new GuestThread(process, process.pid, null);
            if (!thread.reserve()) {
                throw new ElfException("the host has no thread for the guest");
            }
            thread.begin(program.program());
            process.addFirst(thread);
            system.tree.add(process, null, false);
            thread.start();
            isBegun = true;
            if (system.isEnding()) {
                process.kill(SignalInfo.TERM);
            }
            return process;
        } catch (ProgramStart.LoadException e) {
            throw new ElfException(String.valueOf(e.getMessage()));
        } finally {
            if (!isBegun) {
                if (thread != null) {
                    thread.discard();
                }
                if (program != null) {
                    program.close();
                }
                machine.close();
            }
        }
    }

    private static List<String> texts(List<String> ofHost) {
        return ofHost.stream().map(GuestText::ofHost).toList();
    }

    private DescriptorTable streams() {
        DescriptorTable files = new DescriptorTable();
        files.add(Pipe.ofInput(plan.in(), plan.terminals().in()), false, 0);
        files.add(new HostStream(plan.out(), plan.terminals().out()), false, 0);
        files.add(new HostStream(plan.errors(), plan.terminals().errors()), false, 0);
        return files;
    }

    private void end(Runnable beforeClose) throws InterruptedException {
        system.endProcesses();
        if (translator != null) {
            translator.end();
        }
        system.freeMemory();
        machine.awaitQuiescence();
        last = machine.statistics();
        try {
            beforeClose.run();
        } finally {
            machine.close();
        }
    }

    /**
     * Returns the statistics of the machine after the end of the last process. Must be called after {@link #run}, which
     * closes the machine.
     *
     * @return the statistics; null if no program ran
     */
    public @Nullable MachineStatistics memory() {
        return last;
    }

    /**
     * Returns the statistics of the guest. Must be called after {@link #run}.
     *
     * @return lines of text
     */
    public List<String> statistics() {
        List<String> lines = new ArrayList<>(system.counts.lines());
        if (translator != null) {
            lines.add(String.format(Locale.ROOT, "%,d regions of code translated", translator.regionsMade()));
        }
        if (last != null) {
            lines.addAll(memoryLines(last, system.counts.mostResident()));
        }
        return lines;
    }

    /**
     * Returns the statistics of the memory as lines of text.
     *
     * @param memory the machine's statistics at the end
     * @param mostResident the highest number of resident pages that a process had
     */
    private static List<String> memoryLines(MachineStatistics memory, long mostResident) {
        List<String> lines = new ArrayList<>();
        lines.add(String.format(
                Locale.ROOT,
                "faults of pages: %,d minor, %,d major, with %,d copies on write; the largest process had %,d pages in"
                        + " memory",
                memory.minorFaults(),
                memory.majorFaults(),
                memory.copiesOnWrite(),
                mostResident));
        lines.add(String.format(
                Locale.ROOT,
                "TLBs: %,d misses, %,d flushes; %,d shootdowns waited for %,d CPUs; %,d grace periods",
                memory.tlbMisses(),
                memory.flushes(),
                memory.shootdowns(),
                memory.shootdownTargets(),
                memory.gracePeriods()));
        lines.add(String.format(
                Locale.ROOT,
                "in use at the end: %,d frames, %,d bytes of page tables",
                memory.framesInUse(),
                memory.pageTableBytes()));
        if (memory.checkedAccesses() > 0) {
            lines.add(String.format(
                    Locale.ROOT,
                    "checked accesses: %,d, of which %,d used a translation whose end was under way",
                    memory.checkedAccesses(),
                    memory.staleAccesses()));
        }
        return lines;
    }
}
