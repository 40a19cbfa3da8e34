// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.Cpu;
import dev.samara.core.guest.FutexTable;
import dev.samara.core.mman.Fault;
import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.BlockCache.Breakpoints;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.RiscvInterpreter;
import dev.samara.emulator.cpu.RiscvInterpreter.LeaveReason;
import dev.samara.emulator.cpu.TranslatedCode.CodeTranslator;
import dev.samara.emulator.elf.ProgramLoader.LoadedProgram;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.debug.Debugger;
import dev.samara.emulator.linux.debug.Debugger.DebuggedThread;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFlags;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.GuestFile.FileThread;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.CallMemory.BadAddress;
import dev.samara.emulator.linux.process.GuestProcess.UsedTime;
import dev.samara.emulator.linux.signal.PendingSignals;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import dev.samara.emulator.linux.signal.SignalActions.SignalMask;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalDelivery.AlternateStack;
import dev.samara.emulator.linux.signal.SignalDelivery.InterruptedCall;
import dev.samara.emulator.linux.signal.SignalDelivery.SignalThread;
import dev.samara.emulator.linux.wait.RobustList;
import dev.samara.emulator.linux.wait.RobustList.FutexThread;
import dev.samara.emulator.linux.wait.WaitList;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread of the guest: a thread of the JVM with a CPU. It alternates between guest code, which it runs in GUEST, and
 * the system calls and faults that stopped the code, which it handles outside GUEST. Before it enters GUEST it handles
 * the signals that were sent to it.
 */
public final class GuestThread implements Runnable, SignalThread, FutexThread, FileThread, DebuggedThread {
    private static final int ILL_ILLOPC = 1;
    private static final int TRAP_BRKPT = 1;

    private final GuestProcess process;
    public final Cpu cpu;
    private final Hart hart;
    public final BlockCache blocks;
    private final RiscvInterpreter interpreter;
    private final CallMemory memory;
    final ThreadCalls calls;
    private final InterruptedCall interruptedCall;
    public final RobustList robustList = new RobustList();
    private final AlternateStack alternateStack = new AlternateStack();
    private final PendingSignals pending;

    /** The debugger of the process; null if there is none. */
    private final @Nullable Debugger debugger;

    /** The files that the present call uses. */
    private final List<GuestFile> used = new ArrayList<>();

    /**
     * The name that was set for this thread or inherited from its creator; null if it has the name of the program. Any
     * thread may set it.
     *
     * <p>Words: {@code name}, {@code isWaiting}.
     * Written: the thread itself; {@code name} by any thread (volatile).
     * Read: any thread (volatile).
     * Invariant: both are only displayed.
     */
    private volatile @Nullable String name;

    /** Changed only by this thread, in an execve, after all other threads of the process have ended. */
    private volatile int tid;

    private volatile @Nullable Thread runner;

    /**
     * Words: {@code isKilled}, {@code hasChangedCode}, {@code isInCode}, {@code runner}, {@code tid}.
     * Written: any thread sets {@code isKilled} and {@code hasChangedCode} (volatile); the thread itself clears {@code
     *     hasChangedCode} and writes the other fields.
     * Read: any thread (volatile).
     * Invariant: {@code isKilled} stays set; a thread with changed code drops its blocks before it runs another block;
     *     if a thread sets {@code hasChangedCode} and then reads {@code isInCode} as clear, the other thread is outside
     *     of code, and checks {@code hasChangedCode} before its next block; if a wake finds no {@code runner}, none is
     *     needed, because the thread checks for work after it set {@code runner}.
     */
    private volatile boolean isKilled;

    private volatile boolean hasChangedCode;

    private final SignalMask mask;

    /** Whether this thread waits in a call. Any thread may read it at any time, but only to display it. */
    private volatile boolean isWaiting;

    /** Whether this thread may be executing code. An access of the code may leave GUEST in between. */
    private volatile boolean isInCode;

    public final TidWords tidWords = new TidWords();
    private final CountDownLatch mayBegin = new CountDownLatch(1);

    /** Written before {@link #mayBegin} is counted down. */
    private boolean isDiscarded;

    /** Creates a thread with a CPU in the space of its process. The creator sets its registers and starts it. */
    public GuestThread(GuestProcess process, int tid, @Nullable GuestThread parent) {
        this.process = process;
        this.tid = tid;
        mask = new SignalMask(parent == null ? 0 : parent.mask.get());
        debugger = process.debugger();
        pending = new PendingSignals(process.system.signalRoom);
        cpu = process.system.machine.claimCpu();
        boolean isComplete = false;
        try {
            cpu.switchTo(process.memory().space);
            hart = new Hart(cpu);
            CodeTranslator translator = process.system.translator();
            blocks = new BlockCache(
                    hart, cpu, translator == null ? 0 : translator.runsBefore(), process.system.blockRoom);
            interpreter = new RiscvInterpreter(hart, blocks, translator);
            memory = new CallMemory(cpu.memory(), () -> process.system.shortage.await(this));
            interruptedCall = new InterruptedCall(hart);
            calls = process.system.callsOf(this);
            if (parent != null) {
                hart.copyFrom(parent.hart);
                name = parent.name;
            }
            cpu.handOver();
            isComplete = true;
        } finally {
            if (!isComplete) {
                cpu.close();
            }
        }
    }

    /** Returns the name of this thread, at most 15 bytes. */
    public String name() {
        String given = name;
        return given == null ? process.program().command() : given;
    }

    /** Sets the name of this thread, at most 15 bytes. May be called by any thread. */
    public void name(String given) {
        name = given;
    }

    @Override
    public GuestProcess process() {
        return process;
    }

    @Override
    public Hart hart() {
        return hart;
    }

    @Override
    public CallMemory memory() {
        return memory;
    }

    @Override
    public AlternateStack alternateStack() {
        return alternateStack;
    }

    @Override
    public PendingSignals pending() {
        return pending;
    }

    @Override
    public int tid() {
        return tid;
    }

    @Override
    public SignalMask mask() {
        return mask;
    }

    @Override
    public InterruptedCall interruptedCall() {
        return interruptedCall;
    }

    /**
     * Returns the file of a descriptor; null if it is not open. The file is not closed before this thread's call ends.
     */
    public @Nullable GuestFile file(long descriptor) {
        GuestFile found = process.files.use((int) descriptor);
        if (found != null) {
            used.add(found);
        }
        return found;
    }

    /** Returns a file as {@link #file} does, but null for a descriptor that was opened with {@code O_PATH}. */
    public @Nullable GuestFile openFile(long descriptor) {
        GuestFile found = file(descriptor);
        return found == null || (found.flags() & OpenFlags.PATH) != 0 ? null : found;
    }

    /** Releases the files that a call used ({@code fdput}). */
    public void endUse() {
        for (int i = 0; i < used.size(); i++) {
            used.get(i).release();
        }
        used.clear();
    }

    /**
     * Creates the thread of the host, which waits for {@link #start} or {@link #discard}. Called before other threads
     * can find this thread, because the host may have no more threads.
     *
     * @return whether the host created the thread
     */
    public boolean reserve() {
        Thread made = new Thread(this, "guest " + process.pid + "/" + tid);
        made.setDaemon(true);
        try {
            process.system.starter().accept(made);
            return true;
        } catch (OutOfMemoryError noThread) {
            // The JDK throws this if the host refuses to create a thread.
            return false;
        }
    }

    /** Discards this thread, which was not started. */
    public void discard() {
        try {
            cpu.claim();
            cpu.close();
        } finally {
            isDiscarded = true;
            mayBegin.countDown();
        }
    }

    /** Starts a program, whose space the CPU already uses. */
    public void begin(LoadedProgram program) {
        hart.reset();
        hart.continueAt(program.entry());
        hart.x[Hart.SP] = program.stackPointer();
        alternateStack.disable();
        name = null;
        tid = process.pid;
    }

    /** Starts the thread that {@link #reserve} created. */
    public void start() {
        if (debugger != null) {
            debugger.starts(this);
        }
        mayBegin.countDown();
    }

    /**
     * Waits for {@link #start} or {@link #discard}; returns whether this thread was started. Nobody interrupts it
     * before that.
     */
    private boolean awaitStart() {
        try {
            mayBegin.await();
            return !isDiscarded;
        } catch (InterruptedException unexpected) {
            throw new IllegalStateException(unexpected);
        }
    }

    @Override
    public void run() {
        if (!awaitStart()) {
            return;
        }
        cpu.claim();
        runner = Thread.currentThread();
        try {
            runToEnd();
        } catch (RuntimeException | Error unended) {
            // This thread could not be ended, e.g. because memory is exhausted. Other threads wait for its end, which
            // may never come.
            process.system.breakDown(unended);
        }
    }

    private void runToEnd() {
        try {
            tidWords.store(this);
            loop();
        } catch (RuntimeException | Error broken) {
            fail(broken);
        } finally {
            end();
        }
    }

    private void fail(Throwable broken) {
        // Killed first, because the report may need memory that is not available.
        process.kill(SignalInfo.KILL);
        try {
            process.system.reports.broken(tid, broken);
        } catch (RuntimeException | Error unreported) {
            // Recorded before this thread ends. Its end may end the run, which must not look successful.
            process.system.breakDown(unreported);
        }
    }

    private void loop() {
        while (!mustEnd()) {
            hart.answer();
            pauseForDebugger();
            SignalDelivery.deliver(this);
            if (hasChangedCode) {
                hasChangedCode = false;
                blocks.clear();
            }
            if (!mustEnd()) {
                int stop = runGuest(debugger != null && debugger.steps(this));
                if (debugger == null || debugger.left(this, stop)) {
                    handle(stop);
                }
            }
        }
    }

    /** Handles the reason for which this thread stopped, a {@link LeaveReason}. This thread is outside GUEST. */
    private void handle(int reason) {
        switch (reason) {
            case LeaveReason.SYSTEM_CALL -> calls.execute();
            case LeaveReason.FAULT -> fault();
            case LeaveReason.ILLEGAL ->
                SignalDelivery.force(this, SignalInfo.ofFault(SignalInfo.ILL, ILL_ILLOPC, hart.pc));
            case LeaveReason.BREAKPOINT ->
                SignalDelivery.force(this, SignalInfo.ofFault(SignalInfo.TRAP, TRAP_BRKPT, hart.pc));
            default -> {
                // For ATTENTION and DEBUGGER, the loop of the thread checks what must be done.
            }
        }
    }

    private void fault() {
        int kind = hart.faultKind();
        if (kind == Fault.OUT_OF_MEMORY) {
            process.system.shortage.await(this);
            return;
        }
        if (mustEnd()) {
            // The fault may be due to the end, because the machine may have taken pages from the process.
            return;
        }
        process.system.counts.fault(kind);
        SignalDelivery.force(this, SignalInfo.ofFault(Fault.signal(kind), Fault.siCode(kind), hart.faultAddress()));
    }

    private int runGuest(boolean isStep) {
        isInCode = true;
        try {
            return inGuest(isStep);
        } finally {
            isInCode = false;
            if (hasChangedCode) {
                process.leftOldCode();
            }
        }
    }

    private int inGuest(boolean isStep) {
        cpu.enterGuest();
        try {
            return isStep ? interpreter.step() : interpreter.run();
        } finally {
            cpu.leaveGuest();
        }
    }

    /**
     * Releases the futex locks of this thread, and clears its tid word, because it ends or executes another program.
     */
    public void leaveMemory() {
        // Released first, so that a thread that waited for the word finds the locks released.
        robustList.release(this, process.system.futexes());
        tidWords.clear(this);
    }

    private void end() {
        try {
            leaveMemory();
        } finally {
            process.system.counts.add(hart.counts());
            blocks.clear();
            synchronized (process.signals()) {
                pending.close();
            }
            cpu.close();
            if (debugger != null) {
                debugger.ends(this);
            }
            process.ended(this);
        }
    }

    @Override
    public boolean mustEnd() {
        return isKilled || process.isExiting();
    }

    boolean isWaiting() {
        return isWaiting;
    }

    /** Returns the CPU time that this thread used, in nanoseconds. May be called by any thread. */
    public long usedNanos() {
        Thread used = runner;
        return used == null ? 0 : UsedTime.of(used);
    }

    /** Ends this thread. May be called by any thread. */
    public void kill() {
        isKilled = true;
        wake();
    }

    @Override
    public void changedCode() {
        hasChangedCode = true;
        hart.ask();
    }

    /**
     * Whether this thread may be executing code from before the last {@link #changedCode}. May be called by any thread.
     */
    boolean mayRunOldCode() {
        return isInCode && hasChangedCode;
    }

    @Override
    public void wake() {
        hart.ask();
        Thread woken = runner;
        if (woken != null) {
            LockSupport.unpark(woken);
        }
    }

    @Override
    public boolean isInterrupted() {
        return mustEnd() || ((pending.set() | process.pending().set()) & ~mask.get()) != 0;
    }

    @Override
    public long await(WaitList list, BooleanSupplier isDone, long deadline) {
        isWaiting = true;
        long result;
        try {
            result = SignalThread.super.await(list, isDone, deadline);
        } finally {
            isWaiting = false;
        }
        if (result == LinuxErrno.RESTART) {
            interruptedCall.keepDeadline(deadline);
        }
        return result;
    }

    @Override
    public void sendPipeSignal() {
        SignalDelivery.send(
                this, SignalInfo.sent(SignalInfo.PIPE, SignalInfo.SI_USER, process.pid, process.system.user));
    }

    @Override
    public void pauseForDebugger() {
        if (debugger != null) {
            debugger.pause(this);
        }
    }

    @Override
    public boolean isDebugged() {
        return debugger != null;
    }

    @Override
    public int askDebugger(SignalInfo info) {
        if (debugger == null) {
            return info.signal();
        }
        ByteBuffer bytes = CallMemory.structure(SignalInfo.BYTES);
        info.putTo(bytes);
        byte[] copy = new byte[SignalInfo.BYTES];
        bytes.get(0, copy);
        return debugger.signal(this, info.signal(), copy);
    }

    @Override
    public void countHandler() {
        process.system.counts.signal();
    }

    @Override
    public void reportEnd(SignalInfo info) {
        process.system.reports.killedBy(this, info);
    }

    @Override
    public void park() {
        park(NEVER);
    }

    @Override
    public void ask() {
        hart.ask();
    }

    @Override
    public void stopAt(Breakpoints breakpoints) {
        blocks.stopAt(breakpoints);
    }

    @Override
    public void forgetCall() {
        interruptedCall.forget();
    }

    @Override
    public void send(int signal) {
        SignalDelivery.send(this, SignalInfo.sent(signal, SignalInfo.SI_USER, 0, 0));
    }

    /** Executes the system calls of a thread. */
    public interface ThreadCalls {
        /** Executes the call that the registers describe. The thread is outside GUEST. */
        void execute();
    }

    /**
     * The words of guest memory for the ID of a thread: the ID is stored in one when the thread starts, and another is
     * cleared when it ends.
     */
    public static final class TidWords {
        private long stored;
        private long cleared;

        TidWords() {}

        /**
         * Sets the address at which the thread's ID is stored in its own memory before it runs ({@code
         * CLONE_CHILD_SETTID}).
         */
        public void storeAtStart(long address) {
            stored = address;
        }

        /**
         * Sets the address of the word that is cleared when the thread ends, after which one futex waiter is woken; 0
         * for none.
         */
        public void clearAtEnd(long address) {
            cleared = address;
        }

        void store(GuestThread thread) {
            if (stored != 0) {
                try {
                    thread.memory().putInt(stored, thread.tid());
                } catch (BadAddress ignored) {
                    // As on Linux, the child runs nevertheless.
                }
            }
        }

        /** Clears the word if other threads share the memory ({@code mm_release}). */
        void clear(GuestThread thread) {
            long address = cleared;
            cleared = 0;
            boolean isShared =
                    thread.process().threads() > 1 || thread.process().memory().isShared();
            if (address != 0 && isShared) {
                try {
                    thread.memory().putInt(address, 0);
                    FutexTable futexes = thread.process().system.futexes();
                    thread.memory().call(guest -> futexes.wake(guest, address, true, 1, FutexTable.ANY));
                } catch (BadAddress gone) {
                    // The guest unmapped the word, so no thread waits for it.
                }
            }
        }
    }
}
