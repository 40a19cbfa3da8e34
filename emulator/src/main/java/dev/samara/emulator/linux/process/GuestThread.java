// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.Cpu;
import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.Breakpoints;
import dev.samara.emulator.cpu.CodeTranslator;
import dev.samara.emulator.cpu.Hart;
import dev.samara.emulator.cpu.RiscvInterpreter;
import dev.samara.emulator.elf.LoadedProgram;
import dev.samara.emulator.linux.abi.LinuxErrno;
import dev.samara.emulator.linux.debug.DebuggedThread;
import dev.samara.emulator.linux.debug.Debugger;
import dev.samara.emulator.linux.file.FileThread;
import dev.samara.emulator.linux.file.GuestFile;
import dev.samara.emulator.linux.file.OpenFlags;
import dev.samara.emulator.linux.memory.CallMemory;
import dev.samara.emulator.linux.memory.ProcessMemory;
import dev.samara.emulator.linux.signal.AlternateStack;
import dev.samara.emulator.linux.signal.InterruptedCall;
import dev.samara.emulator.linux.signal.PendingSignals;
import dev.samara.emulator.linux.signal.SignalDelivery;
import dev.samara.emulator.linux.signal.SignalInfo;
import dev.samara.emulator.linux.signal.SignalMask;
import dev.samara.emulator.linux.signal.SignalThread;
import dev.samara.emulator.linux.wait.FutexThread;
import dev.samara.emulator.linux.wait.PiFutexes;
import dev.samara.emulator.linux.wait.RobustList;
import dev.samara.emulator.linux.wait.WaitList;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * A thread of the guest: a thread of the JVM with a CPU. It alternates between code of the guest, in GUEST, and what
 * stopped that, outside. Before it enters GUEST it takes the signals that were sent to it.
 */
public final class GuestThread implements Runnable, SignalThread, FutexThread, FileThread, DebuggedThread {
    private final GuestProcess process;
    private final Cpu cpu;
    private final Hart hart;
    private final BlockCache blocks;
    private final RiscvInterpreter interpreter;
    private final CallMemory memory;
    private final ThreadCalls calls;
    private final InterruptedCall interruptedCall;
    private final RobustList robustList = new RobustList();
    private final PiFutexes.PiThread inheritance = new PiFutexes.PiThread();
    private final AlternateStack alternateStack = new AlternateStack();
    private final PendingSignals pending;

    /** The debugger of the process; null without one. */
    private final @Nullable Debugger debugger;

    /** The files that the present call uses. */
    private final List<GuestFile> used = new ArrayList<>();

    /**
     * The name that the thread has given itself, or its creator; null for that of the program. Set by any thread.
     *
     * @words {@code name}, {@code credentials}, {@code processors}, {@code isWaiting}
     * @written the thread itself; {@code name} and {@code processors} by any thread (volatile)
     * @read any thread (volatile)
     * @invariant what {@code processors} and {@code credentials} refer to never changes; {@code isWaiting} is for
     *     people
     */
    private volatile @Nullable String name;

    /** Changed by an execve of this thread only, which has ended all others. */
    private volatile int tid;

    private volatile @Nullable Thread runner;

    /**
     * @words {@code isKilled}, {@code hasChangedCode}, {@code isInCode}, {@code runner}, {@code tid}
     * @written any thread sets the first two (volatile); the thread itself clears {@code hasChangedCode} and writes the
     *     others
     * @read any thread (volatile)
     * @invariant {@code isKilled} stays set; a thread with changed code drops its blocks before it runs another one; a
     *     thread that sets {@code hasChangedCode} and then reads {@code isInCode} as clear finds the other outside of
     *     code, and asked before its next block; a wake that finds no {@code runner} needs none, since the thread looks
     *     after it has set that
     */
    private volatile boolean isKilled;

    private volatile boolean hasChangedCode;

    /** The processors that were chosen for this; null for all. Not changed once it is set. */
    private volatile @Nullable BitSet processors;

    /** Changed by its thread. */
    private volatile Credentials credentials;

    private final SignalMask mask;

    /** Whether this thread waits in a call: for people, who look at any time. */
    private volatile boolean isWaiting;

    /** Whether this thread may be executing code, of which an access may leave GUEST. */
    private volatile boolean isInCode;

    private final TidWords tidWords = new TidWords();
    private final CountDownLatch mayBegin = new CountDownLatch(1);

    /** Written before {@link #mayBegin} is counted down. */
    private boolean isDiscarded;

    /** Makes a thread with a CPU in the space of its process; the creator gives it registers and starts it. */
    public GuestThread(GuestProcess process, int tid, @Nullable GuestThread parent) {
        this.process = process;
        this.tid = tid;
        mask = new SignalMask(parent == null ? 0 : parent.mask.get());
        boolean isFirst = tid == process.pid();
        processors = parent == null ? null : parent.processors;
        Credentials shared = parent == null ? process.credentials() : parent.credentials;
        credentials = isFirst ? shared.copy() : shared;
        if (isFirst) {
            process.credentials(credentials);
            process.processors(processors);
        }
        debugger = process.debugger();
        pending = new PendingSignals(process.system().signalRoom());
        cpu = process.system().machine().claimCpu();
        boolean isComplete = false;
        try {
            cpu.switchTo(process.memory().space());
            hart = new Hart(cpu);
            CodeTranslator translator = process.system().translator();
            blocks = new BlockCache(
                    hart,
                    cpu,
                    translator == null ? 0 : translator.runsBefore(),
                    process.system().blockRoom());
            interpreter = new RiscvInterpreter(hart, blocks, translator);
            memory = new CallMemory(cpu.memory());
            interruptedCall = new InterruptedCall(hart);
            calls = process.system().callsOf(this);
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

    /** Gives this thread a name of at most 15 bytes. For any thread. */
    public void name(String given) {
        name = given;
    }

    /** Returns the processors that were chosen for this, which nobody changes; null for all. */
    public @Nullable BitSet processors() {
        return processors;
    }

    /** Chooses processors; those of the first thread are its process's. For any thread. */
    public void processors(BitSet chosen) {
        processors = chosen;
        if (tid == process.pid()) {
            process.processors(chosen);
        }
    }

    @Override
    public GuestProcess process() {
        return process;
    }

    public Credentials credentials() {
        return credentials;
    }

    /** Changes the credentials of this thread; those of the first one are its process's. Called by its thread. */
    public void credentials(Credentials changed) {
        credentials = changed;
        if (tid == process.pid()) {
            process.credentials(changed);
        }
    }

    public Cpu cpu() {
        return cpu;
    }

    @Override
    public Hart hart() {
        return hart;
    }

    ThreadCalls calls() {
        return calls;
    }

    public BlockCache blocks() {
        return blocks;
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

    public TidWords tidWords() {
        return tidWords;
    }

    @Override
    public PiFutexes.PiThread inheritance() {
        return inheritance;
    }

    public RobustList robustList() {
        return robustList;
    }

    @Override
    public ProcessMemory processMemory() {
        return process.memory();
    }

    @Override
    public InterruptedCall interruptedCall() {
        return interruptedCall;
    }

    /** Returns the file of a descriptor, which no thread closes before the call of this thread ends; null for none. */
    public @Nullable GuestFile file(long descriptor) {
        GuestFile found = process.files().use((int) descriptor);
        if (found != null) {
            used.add(found);
        }
        return found;
    }

    /** Returns a file as {@link #file} does; null also for a descriptor that stands for a name ({@code O_PATH}). */
    public @Nullable GuestFile openFile(long descriptor) {
        GuestFile found = file(descriptor);
        return found == null || (found.flags() & OpenFlags.PATH) != 0 ? null : found;
    }

    /** Ends the use of files by a call ({@code fdput}). */
    public void endUse() {
        for (int i = 0; i < used.size(); i++) {
            used.get(i).release();
        }
        used.clear();
    }

    /**
     * Has the host make the thread, which waits for {@link #start} or {@link #discard}. Called before others know this
     * thread: the host may have no more threads.
     *
     * @return whether there is a thread
     */
    public boolean reserve() {
        Thread made = new Thread(this, "guest " + process.pid() + "/" + tid);
        made.setDaemon(true);
        try {
            process.system().starter().accept(made);
            return true;
        } catch (OutOfMemoryError noThread) {
            // What the JDK throws for a thread that the host refuses.
            return false;
        }
    }

    /** Gives up a thread that was not started. */
    public void discard() {
        try {
            cpu.claim();
            cpu.close();
        } finally {
            isDiscarded = true;
            mayBegin.countDown();
        }
    }

    /** Begins a program: its space is that of the CPU. */
    public void begin(LoadedProgram program) {
        hart.reset();
        hart.pc = program.entry();
        hart.x[Hart.SP] = program.stackPointer();
        alternateStack.disable();
        name = null;
        tid = process.pid();
        credentials(credentials.executed());
    }

    /** Has the thread that was reserved begin. */
    public void start() {
        if (debugger != null) {
            debugger.starts(this);
        }
        mayBegin.countDown();
    }

    /** Waits until this may begin; returns whether it is to. Nobody interrupts it before. */
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
            // For example memory is exhausted. Other threads wait for the end of this one, which may never come.
            process.system().breakDown(unended);
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
        // First: the report may need memory that is not available.
        process.kill(SignalInfo.KILL);
        try {
            process.system().reports().broken(tid, broken);
        } catch (RuntimeException | Error unreported) {
            // Before this thread ends, which may end the run: it must not end as if nothing had failed.
            process.system().breakDown(unreported);
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
                    GuestTraps.handle(this, stop);
                }
            }
        }
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

    /** Releases the locks of this thread, and clears its word: it ends, or executes another program. */
    public void leaveMemory() {
        // First: a thread that has waited for the word finds the locks released.
        robustList.release(this, process.system().futexes());
        process.system().piFutexes().releaseAll(this);
        tidWords.clear(this);
    }

    private void end() {
        try {
            leaveMemory();
        } finally {
            process.system().piFutexes().end(this);
            process.system().counts().add(hart.counts());
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

    /** Returns the time of processors that this has used, in nanoseconds. For any thread. */
    public long usedNanos() {
        Thread used = runner;
        return used == null ? 0 : UsedTime.of(used);
    }

    /** Ends this thread. For any thread. */
    public void kill() {
        isKilled = true;
        wake();
    }

    @Override
    public void changedCode() {
        hasChangedCode = true;
        hart.ask();
    }

    /** Whether this thread may be executing code from before the last {@link #changedCode}. For any thread. */
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
        return mustEnd()
                || process.stop().isBegun()
                || ((pending.set() | process.pending().set()) & ~mask.get()) != 0;
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
    public boolean keepsPrivileges() {
        return credentials().isPrivileged();
    }

    @Override
    public void sendPipeSignal() {
        SignalDelivery.send(
                this,
                SignalInfo.sent(
                        SignalInfo.PIPE,
                        SignalInfo.SI_USER,
                        process.pid(),
                        credentials.users().real()));
    }

    @Override
    public long checkTerminalRead() {
        return process.system().terminal().check(this, SignalInfo.TTIN);
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
    public int askDebugger(int signal) {
        return debugger == null ? signal : debugger.signal(this, signal);
    }

    @Override
    public void countHandler() {
        process.system().counts().signal();
    }

    @Override
    public void reportEnd(SignalInfo info) {
        process.system().reports().killedBy(this, info);
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
}
