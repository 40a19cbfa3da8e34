// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples.riscv.linux;

import dev.samara.core.Cpu;
import dev.samara.core.mman.Fault;
import dev.samara.examples.riscv.cpu.BlockCache;
import dev.samara.examples.riscv.cpu.CodeTranslator;
import dev.samara.examples.riscv.cpu.Hart;
import dev.samara.examples.riscv.cpu.RiscvInterpreter;
import dev.samara.examples.riscv.cpu.Stop;
import dev.samara.examples.riscv.elf.LoadedProgram;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread of the guest: a thread of the JVM with a CPU. It alternates between code of the guest, in GUEST, and what
 * stopped that, outside. Before it enters GUEST it takes the signals that were sent to it.
 */
final class GuestThread implements Runnable {
    /** A deadline that never comes, as a number of {@link System#nanoTime}. */
    static final long NEVER = Long.MAX_VALUE;

    private static final int ILL_ILLOPC = 1;
    private static final int TRAP_BRKPT = 1;

    private final GuestProcess process;
    private final Cpu cpu;
    private final Hart hart;
    private final BlockCache blocks;
    private final RiscvInterpreter interpreter;
    private final CallMemory memory;
    private final SystemCalls calls;
    private final AlternateStack alternateStack = new AlternateStack();
    private final PendingSignals pending = new PendingSignals();

    /** What a debugger sees of this thread; null without one. */
    private final @Nullable DebuggedThread debugged;

    /** The files that the present call uses. */
    private final List<GuestFile> used = new ArrayList<>();

    /** Changed by an execve of this thread only, which has ended all others. */
    private volatile int tid;

    private volatile @Nullable Thread runner;
    private volatile boolean isKilled;
    private volatile boolean hasChangedCode;

    private final SignalMask mask;

    private long restart;
    private long firstArgument;
    private long clearChildTid;
    private long robustList;
    private long tidAddress;

    /** Makes a thread with a CPU in the space of its process; the creator gives it registers and starts it. */
    GuestThread(GuestProcess process, int tid, @Nullable GuestThread parent) {
        this.process = process;
        this.tid = tid;
        mask = new SignalMask(parent == null ? 0 : parent.mask.get());
        Debugging debugger = process.debugger();
        debugged = debugger == null ? null : new DebuggedThread(this, debugger);
        cpu = process.emulation().machine().claimCpu();
        boolean isComplete = false;
        try {
            cpu.switchTo(process.memory().space());
            hart = new Hart(cpu);
            CodeTranslator translator = process.emulation().translator();
            blocks = new BlockCache(hart, cpu, translator == null ? 0 : translator.runsBefore());
            interpreter = new RiscvInterpreter(hart, blocks, translator);
            memory = new CallMemory(cpu.memory());
            calls = new SystemCalls(this);
            if (parent != null) {
                hart.copyFrom(parent.hart);
            }
            cpu.handOver();
            isComplete = true;
        } finally {
            if (!isComplete) {
                cpu.close();
            }
        }
    }

    GuestProcess process() {
        return process;
    }

    Cpu cpu() {
        return cpu;
    }

    Hart hart() {
        return hart;
    }

    BlockCache blocks() {
        return blocks;
    }

    CallMemory memory() {
        return memory;
    }

    AlternateStack alternateStack() {
        return alternateStack;
    }

    PendingSignals pending() {
        return pending;
    }

    @Nullable
    DebuggedThread debugged() {
        return debugged;
    }

    int tid() {
        return tid;
    }

    SignalMask mask() {
        return mask;
    }

    void setClearChildTid(long address) {
        clearChildTid = address;
    }

    void setRobustList(long address) {
        robustList = address;
    }

    long robustList() {
        return robustList;
    }

    /** Returns the file of a descriptor, which no thread closes before the call of this thread ends; null for none. */
    @Nullable
    GuestFile file(long descriptor) {
        GuestFile found = process.files().use((int) descriptor);
        if (found != null) {
            used.add(found);
        }
        return found;
    }

    /** Ends the use of files by a call ({@code fdput}). */
    void endUse() {
        for (int i = 0; i < used.size(); i++) {
            used.get(i).release();
        }
        used.clear();
    }

    /** Remembers that the last call may be made again. */
    void mayRestart(long kind, long argument) {
        restart = kind;
        firstArgument = argument;
    }

    /** Has an interrupted call not be made again. */
    void forgetCall() {
        restart = 0;
    }

    /** Ends a call that a signal has interrupted: with EINTR, or so that it is made again. */
    void endInterruptedCall(boolean hasHandler, boolean restarts) {
        if (restart == 0) {
            return;
        }
        boolean isAgain = !hasHandler || (restart == LinuxErrno.RESTART && restarts);
        if (isAgain) {
            hart.pc -= Integer.BYTES;
            hart.x[Hart.A0] = firstArgument;
        } else {
            hart.x[Hart.A0] = LinuxErrno.EINTR;
        }
        restart = 0;
    }

    /** Gives up a thread that was not started. */
    void discard() {
        cpu.claim();
        cpu.close();
    }

    /** Has the number of this thread stored in its own memory before it runs. */
    void storeTidAtStart(long address) {
        tidAddress = address;
    }

    /** Begins a program: its space is that of the CPU. */
    void begin(LoadedProgram program) {
        hart.reset();
        hart.pc = program.entry();
        hart.x[Hart.SP] = program.stackPointer();
        alternateStack.disable();
        clearChildTid = 0;
        robustList = 0;
        tid = process.pid();
    }

    void start() {
        if (debugged != null) {
            debugged.starts();
        }
        Thread made = new Thread(this, "guest " + process.pid() + "/" + tid);
        made.setDaemon(true);
        made.start();
    }

    @Override
    public void run() {
        cpu.claim();
        runner = Thread.currentThread();
        try {
            storeTid();
            loop();
        } catch (RuntimeException | Error broken) {
            process.emulation().broken(this, broken);
            process.exit(WaitStatus.killed(SignalInfo.KILL));
        } finally {
            end();
        }
    }

    private void storeTid() {
        if (tidAddress != 0) {
            try {
                memory.putInt(tidAddress, tid);
            } catch (BadAddress ignored) {
                // As in Linux, the child runs without it.
            }
        }
    }

    private void loop() {
        while (!mustEnd()) {
            hart.answer();
            if (debugged != null) {
                debugged.pause();
            }
            SignalDelivery.deliver(this);
            if (hasChangedCode) {
                hasChangedCode = false;
                blocks.clear();
            }
            if (!mustEnd()) {
                int stop = runGuest(debugged != null && debugged.steps());
                if (debugged == null || debugged.left(stop)) {
                    handle(stop);
                }
            }
        }
    }

    private int runGuest(boolean isStep) {
        cpu.enterGuest();
        try {
            return isStep ? interpreter.step() : interpreter.run();
        } finally {
            cpu.leaveGuest();
        }
    }

    private void handle(int stop) {
        switch (stop) {
            case Stop.SYSTEM_CALL -> calls.execute();
            case Stop.FAULT -> fault();
            case Stop.ILLEGAL -> SignalDelivery.force(this, SignalInfo.ofFault(SignalInfo.ILL, ILL_ILLOPC, hart.pc));
            case Stop.BREAKPOINT ->
                SignalDelivery.force(this, SignalInfo.ofFault(SignalInfo.TRAP, TRAP_BRKPT, hart.pc));
            default -> {
                // ATTENTION, DEBUGGER: the loop looks for what is to be done.
            }
        }
    }

    private void fault() {
        int kind = hart.faultKind();
        if (kind == Fault.OUT_OF_MEMORY) {
            process.emulation().outOfMemory(process);
            process.exit(WaitStatus.killed(SignalInfo.KILL));
            return;
        }
        process.emulation().counts().fault(kind);
        SignalDelivery.force(this, SignalInfo.ofFault(Fault.signal(kind), Fault.siCode(kind), hart.faultAddress()));
    }

    private void end() {
        try {
            // First: a thread that has waited for the end of this one finds its locks released.
            FutexCalls.releaseRobust(this);
            if (clearChildTid != 0 && process.threads() > 1) {
                memory.putInt(clearChildTid, 0);
                process.emulation().futexes().wake(this, clearChildTid, 1);
            }
        } catch (BadAddress gone) {
            // The guest has unmapped its words: nobody waits for them.
        } finally {
            process.emulation().counts().add(hart.counts());
            cpu.close();
            if (debugged != null) {
                debugged.ends();
            }
            process.ended(this);
        }
    }

    /** Whether this thread has to end, since its process does or it is alone to. */
    boolean mustEnd() {
        return isKilled || process.isExiting();
    }

    /** Ends this thread. For any thread. */
    void kill() {
        isKilled = true;
        wake();
    }

    /** Has this thread drop its decoded blocks before it runs the next one. For any thread. */
    void changedCode() {
        hasChangedCode = true;
        hart.ask();
    }

    /** Has this thread look for signals and its end, wherever it is. For any thread. */
    void wake() {
        hart.ask();
        Thread woken = runner;
        if (woken != null) {
            LockSupport.unpark(woken);
        }
    }

    /** Whether a call that waits has to end. */
    boolean isInterrupted() {
        return mustEnd() || ((pending.set() | process.pending().set()) & ~mask.get()) != 0;
    }

    /**
     * Waits until something holds.
     *
     * @param list whose threads are woken when that may have changed
     * @param isDone asked first, and after each wake
     * @param deadline of {@link System#nanoTime}, or {@link #NEVER}
     * @return 0; ETIMEDOUT; or RESTART if a signal came before
     */
    long await(WaitList list, BooleanSupplier isDone, long deadline) {
        list.add(this);
        try {
            while (!isDone.getAsBoolean()) {
                if (isInterrupted()) {
                    return LinuxErrno.RESTART;
                }
                if (!park(deadline)) {
                    return LinuxErrno.ETIMEDOUT;
                }
            }
            return 0;
        } finally {
            list.remove(this);
        }
    }

    /** Waits for a wake or a deadline; returns false if that is over. A wake may be for something else. */
    boolean park(long deadline) {
        if (deadline == NEVER) {
            LockSupport.park(this);
            return true;
        }
        long left = deadline - System.nanoTime();
        if (left > 0) {
            LockSupport.parkNanos(this, left);
        }
        return left > 0;
    }
}
