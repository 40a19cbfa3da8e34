// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import com.google.errorprone.annotations.concurrent.GuardedBy;
import dev.samara.core.Machine;
import dev.samara.core.guest.FutexTable;
import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.TranslatedCode.CodeTranslator;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.abi.GuestText;
import dev.samara.emulator.linux.file.DescriptorTable.OpenFileCount;
import dev.samara.emulator.linux.file.FileLocks;
import dev.samara.emulator.linux.file.GuestNames;
import dev.samara.emulator.linux.file.GuestNames.OpenedName;
import dev.samara.emulator.linux.file.GuestNames.WorkingFolder;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.GuestRoot.ResolvedPath;
import dev.samara.emulator.linux.memory.ProcessMemory.MappingTotal;
import dev.samara.emulator.linux.memory.SegmentTable;
import dev.samara.emulator.linux.memory.UnnamedMemory;
import dev.samara.emulator.linux.process.GuestThread.ThreadCalls;
import dev.samara.emulator.linux.process.ProcFiles.MappingTexts;
import dev.samara.emulator.linux.signal.PendingSignals.SignalInfo;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Locale;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** The state that all processes of a guest share: the machine, the process tree, and the tables of the kernel. */
public final class GuestSystem {
    private static final long START = System.nanoTime() - 1_000_000_000_000L;

    public final Machine machine;
    public final long memoryBytes;
    public final int processors;
    public final GuestRoot root;

    /** The user and group of all processes, and the owner of all files. */
    public final int user;

    private final @Nullable CodeTranslator translator;
    final GuestReports reports;
    final MemoryShortage shortage;
    private final Function<GuestThread, ThreadCalls> calls;
    public final ProcessTree tree = new ProcessTree();
    public final SegmentTable segments;
    public final GuestNames names = new GuestNames();
    public final FileLocks locks = new FileLocks();
    public final GuestStatistics counts = new GuestStatistics();

    /**
     * The last inode number. These numbers start above those of pipes, devices and other files of the emulator, because
     * inode numbers identify files for locks.
     *
     * <p>Written: threads that create an object with an inode (get-and-add).
     * Read: as written.
     * Invariant: the last number that was assigned.
     */
    private final AtomicLong inodes = new AtomicLong(1L << 31);

    /**
     * Words: {@code pipes} of {@code GuestSystem}, {@code Pipe}.
     * Written: threads that create a pipe or close its last end (get-and-add).
     * Read: threads that create a pipe (get-and-add).
     * Invariant: the number of pipes with an open end, plus those that are being rejected.
     */
    public final Semaphore pipes = new Semaphore(GuestLimits.PIPES);

    public final OpenFileCount openFiles = new OpenFileCount(GuestLimits.OPEN_FILES);

    /** The count of the mappings of all processes. */
    public final MappingTotal mappings = new MappingTotal(GuestLimits.MAPPINGS);

    /** The permits for files in memory ({@code memfd_create}). */
    public final Semaphore memoryFiles = new Semaphore(GuestLimits.MEMORY_FILES);

    public final UnnamedMemory unnamed = new UnnamedMemory(memoryFiles);

    /** The permits for names that open directories cache. */
    public final Semaphore folderNames = new Semaphore(GuestLimits.FOLDER_NAMES);

    /** The permits for queued real-time signals. */
    final Semaphore signalRoom = new Semaphore(GuestLimits.QUEUED_SIGNALS);

    /** The permits for decoded blocks of all harts. */
    final Semaphore blockRoom = new Semaphore(BlockCache.shared(GuestLimits.SHARED_BLOCKS));

    /**
     * Held by a thread while the arguments of a new program are in the heap. Acquired before the monitor of {@link
     * GuestNames}.
     */
    public final Object programStart = new Object();

    /** Held by a thread while it uses the content of a text file of {@code /proc}. */
    final Object texts = new Object();

    /** The number of processes and threads that are being created. */
    @GuardedBy("taskLock")
    private int newTasks;

    private final Object taskLock = new Object();

    private @Nullable ScheduledThreadPoolExecutor timers;
    private volatile boolean isEnding;
    private Consumer<Thread> starter = Thread::start;
    private Runnable beforeCalls = () -> {};

    /**
     * Creates a system without processes.
     *
     * @param machine the machine, which the caller closes
     * @param memoryBytes the size of the guest's memory in bytes
     * @param processors the number of processors that the guest sees
     * @param root the files that the guest sees
     * @param user the user ID and group ID of the first process, to which all files belong
     * @param translator translates hot blocks; null if blocks are only interpreted
     * @param reports where events are reported
     * @param shortage chooses the processes that are killed when the machine has no memory left
     * @param calls creates the system calls of a new thread, whose construction is not complete yet
     */
    public GuestSystem(
            Machine machine,
            long memoryBytes,
            int processors,
            GuestRoot root,
            int user,
            @Nullable CodeTranslator translator,
            GuestReports reports,
            MemoryShortage shortage,
            Function<GuestThread, ThreadCalls> calls) {
        this.machine = machine;
        this.memoryBytes = memoryBytes;
        this.processors = processors;
        segments = new SegmentTable(machine, memoryBytes);
        this.root = root;
        this.user = user;
        this.translator = translator;
        this.reports = reports;
        this.shortage = shortage;
        shortage.chooseFrom(tree);
        this.calls = calls;
    }

    /**
     * Returns the time since the guest's system was started, which counts as 1000 s before this class was initialised.
     */
    public static long uptimeNanos() {
        return System.nanoTime() - START;
    }

    @Nullable
    CodeTranslator translator() {
        return translator;
    }

    ThreadCalls callsOf(GuestThread thread) {
        beforeCalls.run();
        return calls.apply(thread);
    }

    /**
     * A seam for tests: sets an action that runs before the calls of a thread are created, and that makes its creation
     * fail. Called before there are processes.
     */
    public void beforeCalls(Runnable failing) {
        beforeCalls = failing;
    }

    /**
     * Returns the function that starts a thread of the host. It throws an OutOfMemoryError if the host has no more
     * threads.
     */
    Consumer<Thread> starter() {
        return starter;
    }

    /** A seam for tests: sets the function that starts the threads. Called before there are processes. */
    public void startThreadsBy(Consumer<Thread> other) {
        starter = other;
    }

    public FutexTable futexes() {
        return machine.futexes();
    }

    /** Returns the current directory of the first process at its start. */
    public WorkingFolder firstFolder() {
        synchronized (names) {
            ResolvedPath place = root.resolve("/", root.firstFolder(), true);
            Path host = place.host();
            try {
                return new WorkingFolder(host == null ? null : new OpenedName(place.guest(), host, root, names));
            } catch (IOException gone) {
                return new WorkingFolder(null);
            }
        }
    }

    public long newInode() {
        return inodes.incrementAndGet();
    }

    /** Returns the executor whose thread runs the timers of processes. Creates it for the first timer. */
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

    /** Whether all processes are being killed, so that a new process must also end. */
    public boolean isEnding() {
        return isEnding;
    }

    /**
     * Reserves places in the limit of tasks until {@link #endReserve}: one for a thread, two for a process with its
     * first thread.
     *
     * @return whether enough places were free
     */
    public boolean reserveTasks(int places) {
        synchronized (taskLock) {
            int tasks = newTasks + places;
            for (GuestProcess each : tree.all()) {
                tasks += 1 + each.threads();
            }
            boolean hasRoom = tasks <= GuestLimits.TASKS;
            newTasks += hasRoom ? places : 0;
            return hasRoom;
        }
    }

    /** Ends a reservation, after the new tasks were added to the tree or their creation failed. */
    public void endReserve(int places) {
        synchronized (taskLock) {
            newTasks -= places;
        }
    }

    /** Called when a process is about to end, while it still has its memory. */
    void ending(GuestProcess process) {
        counts.resident(process.memory().space.residency().peak());
        reports.ending(process);
    }

    /**
     * Ends the run because of a failure of the emulator after which a process may never end. Remaining resources are
     * not closed. Allocates nothing. May be called by any thread.
     *
     * @param failure a RuntimeException or an Error
     */
    void breakDown(Throwable failure) {
        tree.breakDown(failure);
    }

    /**
     * Ends all processes, and all that are created later, like a signal that kills them. May be called by any thread.
     */
    public void stop(int signal) {
        isEnding = true;
        for (GuestProcess each : tree.all()) {
            each.kill(signal);
        }
    }

    /** Kills all processes, and waits until they have ended. */
    public void endProcesses() throws InterruptedException {
        stop(SignalInfo.KILL);
        tree.awaitEnds();
        endTimers();
    }

    /** Frees the memory that processes shared. Called after all processes have ended. */
    public void freeMemory() {
        segments.close();
        unnamed.free();
    }

    /** The messages that the emulator prints for its user while the guest runs. Thread-safe. */
    public static final class GuestReports {
        private final PrintWriter out;
        private final boolean showsMaps;

        /**
         * Creates the reports.
         *
         * @param out where the messages are printed
         * @param showsMaps whether the mappings of a process are printed when it ends
         */
        public GuestReports(PrintWriter out, boolean showsMaps) {
            this.out = out;
            this.showsMaps = showsMaps;
        }

        /** Prints a line. */
        public void complain(String line) {
            synchronized (out) {
                out.println("samara: " + line);
                out.flush();
            }
        }

        /** Reports that a part of the emulator failed. The guest continues. */
        public void failed(String what, Throwable failure) {
            complain(what + ": " + failure);
            synchronized (out) {
                // Prints the stack trace, so that a user can report the emulator's fault. The guest continues.
                failure.printStackTrace(out);
                out.flush();
            }
        }

        /** Reports a fault that ends the first process. */
        void killedBy(GuestThread thread, SignalInfo info) {
            if (info.isFault() && thread.process().pid == ProcessTree.FIRST_PID) {
                complain(String.format(
                        Locale.ROOT,
                        "process %d ends by signal %d, code %d, address 0x%x, pc 0x%x",
                        thread.process().pid,
                        info.signal(),
                        info.code(),
                        info.address(),
                        thread.hart().pc));
            }
        }

        void outOfMemory(int pid) {
            complain("process " + pid + " is killed: there is no memory left");
        }

        void broken(int tid, Throwable failure) {
            failed("thread " + tid + " of the emulator fails", failure);
        }

        /** Prints the mappings of a process that is about to end, if this was requested. */
        void ending(GuestProcess process) {
            if (showsMaps) {
                complain("mappings of process " + process.pid + " at its end:");
                synchronized (out) {
                    new MappingTexts(process).maps().forEach(line -> out.println(GuestText.shown(line)));
                    out.flush();
                }
            }
        }
    }
}
