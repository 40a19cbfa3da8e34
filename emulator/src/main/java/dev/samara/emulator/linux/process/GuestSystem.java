// SPDX-License-Identifier: Apache-2.0
package dev.samara.emulator.linux.process;

import dev.samara.core.Machine;
import dev.samara.core.guest.FutexTable;
import dev.samara.emulator.cpu.BlockCache;
import dev.samara.emulator.cpu.CodeTranslator;
import dev.samara.emulator.limit.GuestLimits;
import dev.samara.emulator.linux.file.GuestRoot;
import dev.samara.emulator.linux.file.NamedPipes;
import dev.samara.emulator.linux.file.OpenFileCount;
import dev.samara.emulator.linux.file.OpenedName;
import dev.samara.emulator.linux.file.OwnerRights;
import dev.samara.emulator.linux.file.PipeCount;
import dev.samara.emulator.linux.file.ResolvedPath;
import dev.samara.emulator.linux.file.WorkingFolder;
import dev.samara.emulator.linux.lock.FileLocks;
import dev.samara.emulator.linux.memory.MappingTotal;
import dev.samara.emulator.linux.memory.SegmentTable;
import dev.samara.emulator.linux.memory.UnnamedMemory;
import dev.samara.emulator.linux.signal.SignalInfo;
import dev.samara.emulator.linux.wait.PiFutexes;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Set;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;

/** What all processes of a guest share: the machine, the tree of processes, and tables of the kernel. */
public final class GuestSystem {
    private static final long START = System.nanoTime() - 1_000_000_000_000L;

    private final Machine machine;
    private final long memoryBytes;
    private final int processors;
    private final GuestRoot root;
    private final int user;
    private final @Nullable CodeTranslator translator;
    private final GuestReports reports;
    private final Function<GuestThread, ThreadCalls> calls;
    private final ProcessTree tree = new ProcessTree();
    private final PiFutexes piFutexes = new PiFutexes(tree::findThread);
    private final SegmentTable segments;
    private final ControllingTerminal terminal = new ControllingTerminal();
    private final NamedPipes namedPipes = new NamedPipes();
    private final FileLocks locks = new FileLocks();
    private final GuestStatistics counts = new GuestStatistics();

    /**
     * Above the numbers of pipes, devices and other files of the emulator, since locks are told apart by them.
     *
     * @written threads that make an object with an inode (get-and-add)
     * @read as written
     * @invariant the last number that was given
     */
    private final AtomicLong inodes = new AtomicLong(1L << 31);

    private final OwnerRights rights;

    /**
     * @words {@code pipes} of {@code GuestSystem}, {@code Pipe}
     * @written threads that make a pipe or end its last end (get-and-add)
     * @read threads that make a pipe (get-and-add)
     * @invariant the number of pipes with an open end, and of those that are just refused
     */
    private final PipeCount pipes = new PipeCount();

    private final OpenFileCount openFiles = new OpenFileCount(GuestLimits.OPEN_FILES);
    private final MappingTotal mappings = new MappingTotal(GuestLimits.MAPPINGS);
    private final Semaphore memoryFiles = new Semaphore(GuestLimits.MEMORY_FILES);
    private final UnnamedMemory unnamed = new UnnamedMemory(memoryFiles);
    private final Semaphore folderNames = new Semaphore(GuestLimits.FOLDER_NAMES);
    private final Semaphore signalRoom = new Semaphore(GuestLimits.QUEUED_SIGNALS);
    private final Semaphore blockRoom = new Semaphore(BlockCache.shared(GuestLimits.SHARED_BLOCKS));

    /** Held by the one thread that has the arguments of a new program in the heap. */
    private final Object programStart = new Object();

    /** Held by the one thread that has a text of {@code /proc} in the heap. */
    private final Object texts = new Object();

    /** The places of processes and threads that are being made; guarded by {@link #taskLock}. */
    private int newTasks;

    private final Object taskLock = new Object();

    /** Held by the one thread that changes its supplementary groups. */
    private final Object groupLock = new Object();

    private @Nullable ScheduledThreadPoolExecutor timers;
    private volatile boolean isEnding;
    private Consumer<Thread> starter = Thread::start;
    private Runnable beforeCalls = () -> {};

    /**
     * Makes a system without processes.
     *
     * @param machine the machine, which the caller closes
     * @param memoryBytes bytes for all pages of the guest
     * @param processors the number of processors that the guest is told of
     * @param root the files that the guest sees
     * @param user the number of the first process's user and group, to which all files belong
     * @param translator what makes code of hot blocks; null for none
     * @param reports where events are reported
     * @param calls makes the system calls of a new thread, which is not complete yet
     */
    public GuestSystem(
            Machine machine,
            long memoryBytes,
            int processors,
            GuestRoot root,
            int user,
            @Nullable CodeTranslator translator,
            GuestReports reports,
            Function<GuestThread, ThreadCalls> calls) {
        this.machine = machine;
        this.memoryBytes = memoryBytes;
        this.processors = processors;
        segments = new SegmentTable(machine, memoryBytes);
        this.root = root;
        this.user = user;
        rights = new OwnerRights(user);
        this.translator = translator;
        this.reports = reports;
        this.calls = calls;
    }

    /** Returns the time since the guest's system began, some time before the first call. */
    public static long uptimeNanos() {
        return System.nanoTime() - START;
    }

    public Machine machine() {
        return machine;
    }

    public long memoryBytes() {
        return memoryBytes;
    }

    public int processors() {
        return processors;
    }

    public GuestRoot root() {
        return root;
    }

    /** Returns the user, and the group, to whom all files belong. */
    public int fileOwner() {
        return user;
    }

    /** Returns what the guest may do with files of the host. */
    public OwnerRights rights() {
        return rights;
    }

    /** Returns what the first process begins with. */
    public Credentials firstCredentials() {
        return Credentials.of(user);
    }

    @Nullable
    CodeTranslator translator() {
        return translator;
    }

    GuestReports reports() {
        return reports;
    }

    ThreadCalls callsOf(GuestThread thread) {
        beforeCalls.run();
        return calls.apply(thread);
    }

    /** Makes the creation of a thread fail. A seam for tests, called before there are processes. */
    public void beforeCalls(Runnable failing) {
        beforeCalls = failing;
    }

    /** Returns what starts a thread of the host, and throws an OutOfMemoryError if there is none. */
    Consumer<Thread> starter() {
        return starter;
    }

    /** Has a test start the threads. A seam, called before there are processes. */
    public void startThreadsBy(Consumer<Thread> other) {
        starter = other;
    }

    public ProcessTree tree() {
        return tree;
    }

    public FutexTable futexes() {
        return machine.futexes();
    }

    public PiFutexes piFutexes() {
        return piFutexes;
    }

    /** Returns the folder in which the first process begins. */
    public WorkingFolder firstFolder() {
        synchronized (namedPipes) {
            ResolvedPath place = root.resolve("/", root.firstFolder(), true);
            Path host = place.host();
            try {
                return new WorkingFolder(host == null ? null : new OpenedName(place, host, root, namedPipes));
            } catch (IOException gone) {
                return new WorkingFolder(null);
            }
        }
    }

    public SegmentTable segments() {
        return segments;
    }

    public ControllingTerminal terminal() {
        return terminal;
    }

    public NamedPipes namedPipes() {
        return namedPipes;
    }

    public FileLocks locks() {
        return locks;
    }

    public UnnamedMemory unnamedMemory() {
        return unnamed;
    }

    public GuestStatistics counts() {
        return counts;
    }

    /** Returns the pipes of all processes. */
    public PipeCount pipes() {
        return pipes;
    }

    public OpenFileCount openFiles() {
        return openFiles;
    }

    /** Returns the mappings of all processes. */
    public MappingTotal mappings() {
        return mappings;
    }

    /** Returns the files in memory that may still be made. */
    public Semaphore memoryFiles() {
        return memoryFiles;
    }

    /** Returns the names that open directories may still keep. */
    public Semaphore folderNames() {
        return folderNames;
    }

    /** Returns the real-time signals that may still be queued. */
    Semaphore signalRoom() {
        return signalRoom;
    }

    /** Returns what all harts together may still decode. */
    Semaphore blockRoom() {
        return blockRoom;
    }

    /** Returns the lock of a thread that has the arguments of a new program in the heap. Before that of names. */
    public Object programStart() {
        return programStart;
    }

    /** Returns the lock of a thread that has a text of {@code /proc} in the heap. */
    Object texts() {
        return texts;
    }

    public long newInode() {
        return inodes.incrementAndGet();
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

    /** Whether the processes are being killed, so that a new one has to end too. */
    public boolean isEnding() {
        return isEnding;
    }

    /**
     * Reserves places until {@link #endReserve}: one for a thread, two for a process with a thread.
     *
     * @return whether there are as many
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

    /** The new tasks are in the tree, or were not made. */
    public void endReserve(int places) {
        synchronized (taskLock) {
            newTasks -= places;
        }
    }

    /** Returns the lock of a thread that changes its supplementary groups. */
    public Object groupLock() {
        return groupLock;
    }

    /** Returns the number of groups in all lists; a shared list counts once. */
    public int groups() {
        Set<GroupList> lists = Collections.newSetFromMap(new IdentityHashMap<>());
        for (GuestProcess each : tree.all()) {
            lists.add(each.credentials().others());
            each.snapshot().forEach(thread -> lists.add(thread.credentials().others()));
        }
        return lists.stream().mapToInt(GroupList::size).sum();
    }

    /** A process ends, and its memory is still there. */
    void ending(GuestProcess process) {
        counts.resident(process.memory().space().residency().peak());
        reports.ending(process);
    }

    /** Ends the first process if all have stopped: nobody is left that could continue one. */
    synchronized void endIfAllStopped() {
        GuestProcess first = tree.firstOfStopped();
        if (first != null && !first.isExiting()) {
            int signal = first.stop().signal();
            reports.complain("all processes have stopped, process " + first.pid() + " by signal " + signal
                    + ": nobody can continue them");
            first.kill(signal);
        }
    }

    /**
     * Ends the run with a failure of the emulator after which a process may never end. What is left is not closed.
     * Needs no memory. For any thread.
     *
     * @param failure a RuntimeException or an Error
     */
    void breakDown(Throwable failure) {
        tree.breakDown(failure);
    }

    /** Ends all processes, and those that begin, as a signal does. For any thread. */
    public void stop(int signal) {
        isEnding = true;
        for (GuestProcess each : tree.all()) {
            each.kill(signal);
        }
    }

    /** Kills all processes, and waits for their ends. Names of pipes end with them. */
    public void endProcesses() throws InterruptedException {
        stop(SignalInfo.KILL);
        tree.awaitEnds();
        endTimers();
        namedPipes.close();
    }

    /** Frees the memory that processes have shared, after the end of all. */
    public void freeMemory() {
        segments.close();
        unnamed.free();
    }
}
