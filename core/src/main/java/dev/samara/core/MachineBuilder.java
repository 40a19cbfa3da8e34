// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.event.Report;
import dev.samara.core.event.ShootdownDelivery;
import dev.samara.core.internal.check.AccessChecker;
import dev.samara.core.internal.check.RefTracker;
import dev.samara.core.internal.cpu.Cpus;
import dev.samara.core.internal.cpu.Shootdowns;
import dev.samara.core.internal.hostfile.HostFiles;
import dev.samara.core.internal.memory.CommittedMemory;
import dev.samara.core.internal.memory.MachineMemory;
import dev.samara.core.internal.page.DirectFrames;
import dev.samara.core.internal.page.DirtyPages;
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.TableBudget;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.Backlog;
import dev.samara.core.internal.sync.NoWaiting;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.vma.FrameStore;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A builder of machines. For use by one thread. */
public final class MachineBuilder {
    private static final System.Logger LOGGER = System.getLogger("dev.samara.core");

    private static final long MOST_PIECE = 1L << 30;

    private static final int LEAST_USUAL_ENTRIES = 1 << 12;

    /** More entries would be more of each CPU than most programs use: there may be a CPU for each of many threads. */
    private static final int MOST_USUAL_ENTRIES = 1 << 14;

    private int maxMapCount = 65530;
    private long stackGuardGap = 256;
    private long commitLimit = CommittedMemory.UNLIMITED;

    /** -1 for the usual share of the memory. */
    private long pageTableLimit = -1;

    private long cacheLimit = Long.MAX_VALUE;
    private double backgroundRatio = 0.1;
    private double dirtyRatio = 0.2;
    private boolean dropsFailedWrites;
    private boolean forcesOnClose = true;
    private Duration writeBackTime = Duration.ofSeconds(30);

    private Duration longWait = Duration.ofSeconds(10);
    private Duration longBorrow = Duration.ofSeconds(10);
    private boolean trackReferences;
    private Consumer<? super Report> reporter = MachineBuilder::log;
    private long memory;
    private long memoryPiece = 1L << 22;
    private boolean poisonsFrames;
    private int faultAround = 16;
    private boolean forbidsZeroPage;
    private int mostCallbacks = 1 << 16;
    private Backlog.AtBound atBound = Backlog.AtBound.WAIT;
    private Duration longGracePeriod = Duration.ofSeconds(10);
    private Duration longShootdown = Duration.ofSeconds(10);
    private ShootdownDelivery delivery = ShootdownDelivery.POLLED;
    private @Nullable StoreMaker stores;

    /** The number of entries; 0 for what the memory suggests. */
    private int tlbEntries;

    private long longestOffer = MachineMemory.UNCHECKED;
    private @Nullable Executor executor;
    private @Nullable IdleStrategy idle;
    private boolean isInvoked;
    private boolean elides = true;
    private LazyTlb lazyTlb = LazyTlb.SHOOTDOWN;
    private @Nullable VictimScore score;
    private boolean checked = Boolean.getBoolean("samara.checked");

    MachineBuilder() {}

    private static void log(Report report) {
        System.Logger.Level level = switch (report.kind()) {
            case INVARIANT_BROKEN, RETIREMENT_FAILED, FILE_NOT_SAVED, FRAME_QUARANTINED -> System.Logger.Level.ERROR;
            default -> System.Logger.Level.WARNING;
        };
        String message = report.kind() + ": " + report.message();
        Throwable cause = report.cause();
        if (cause == null) {
            LOGGER.log(level, message);
        } else {
            LOGGER.log(level, message, cause);
        }
    }

    /**
     * Limits the number of mappings of a space ({@code vm.max_map_count}). As on Linux, the limit is soft: some
     * calls may exceed it by one.
     *
     * @param maps the limit, positive; 65530 unless set
     * @return this
     * @throws IllegalArgumentException if {@code maps} is not positive
     */
    public MachineBuilder maxMapCount(int maps) {
        if (maps <= 0) {
            throw new IllegalArgumentException("maxMapCount " + maps + " is not positive");
        }
        maxMapCount = maps;
        return this;
    }

    /**
     * Sets the gap below a stack in which no mapping is placed ({@code stack_guard_gap}).
     *
     * @param pages the gap, 0 to 2^20; 256 unless set
     * @return this
     * @throws IllegalArgumentException if {@code pages} is not in these bounds
     */
    public MachineBuilder stackGuardGap(long pages) {
        if (pages < 0 || pages > 1 << 20) {
            throw new IllegalArgumentException("stackGuardGap " + pages + " is not in 0..2^20");
        }
        stackGuardGap = pages;
        return this;
    }

    /**
     * Limits the memory that may be committed to all spaces together, as {@code vm.overcommit_memory=2} does;
     * NORESERVE then has no effect. Without a limit no call fails for lack of commit.
     *
     * @param bytes the limit; -1 for none, unless set
     * @return this
     * @throws IllegalArgumentException if it is below -1
     */
    public MachineBuilder commitLimit(long bytes) {
        if (bytes < CommittedMemory.UNLIMITED) {
            throw new IllegalArgumentException("commitLimit " + bytes + " is negative, and not -1 for none");
        }
        commitLimit = bytes;
        return this;
    }

    /**
     * Limits the page tables of all spaces together. Each table counts as a page of its space, the topmost one of each
     * space included; {@link dev.samara.core.mman.Resource#PAGE_TABLES} limits those of one space. Tables are objects
     * of the Java heap, and a guest may need one for each page that it reads.
     *
     * <p>Where another table would exceed the limit, the machine first takes away empty tables. After that an access is
     * {@code OUT_OF_MEMORY}, or what {@link #lowMemory} makes of it. A call is ENOMEM and has changed nothing, or has
     * faulted in a part of its range; so {@code newSpace} and {@code fork} throw. Tables that are found to be missing
     * after a call has published are made beyond the limit: at most as many as other threads have given back, or
     * filled, during that call.
     *
     * <p>The indexes of page caches have a separate limit of the same size, on the nodes of all of them except the
     * first one of each cache. A guest may need several nodes for each page of a sparse file. Beyond the limit, no
     * frame is allocated for a page whose index would need a further node, as if memory were exhausted.
     *
     * @param bytes the limit, positive. Unless set, half of the {@linkplain #memory memory} and at least 8 MiB, but not
     *     more than a quarter of the largest heap
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder pageTableLimit(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("pageTableLimit " + bytes + " is not positive");
        }
        pageTableLimit = bytes;
        return this;
    }

    /**
     * Limits the memory for pages of files of the host ({@link Machine#openFile}). When a page has to be read near the
     * limit, the machine first frees clean pages, mapped or not: those that a scan of the file has left behind, and
     * then those that were not mapped again since a look before; if there are none, it writes dirty ones, so a guest
     * that writes faster than the device waits for it. {@link #dirtyRatio} has it wait earlier. Pages of locked
     * mappings and pinned ones stay. Pages that are being read may exceed the limit; so do dirty pages that cannot be
     * written: their write is tried again after as many misses as there are pages in memory, and by saves and periodic
     * writes. Without a limit, pages are only freed when no frame is free.
     *
     * @param bytes the limit, positive; no limit unless set
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder cacheLimit(long bytes) {
        if (bytes <= 0) {
            throw new IllegalArgumentException("cacheLimit " + bytes + " is not positive");
        }
        cacheLimit = bytes;
        return this;
    }

    /**
     * Sets the shares of the {@link #cacheLimit} that dirty pages of files of the host may have ({@code
     * vm.dirty_background_ratio}, {@code vm.dirty_ratio}). They are looked at by calls that write to a file, and by
     * stores through shared mappings that make a clean page dirty. From the first share on, these have a task of the
     * machine write the dirty pages of all files, on a thread of its own or by the {@linkplain #executor executor}.
     * From the second one on, they first write them themselves, or wait for another thread that does. Such a store is a
     * fault then, out of GUEST. It does not wait where others may wait for its thread, as while another CPU of the
     * thread is in GUEST. A store to a dirty page looks at nothing. No page is forced to the device. Pages that cannot
     * be written do not count, so no thread waits for them.
     *
     * <p>A page counts when it is written first, once for each mapping and for calls, and again when it is written
     * after it was saved, or after its mark was collected. A page that was saved by another call, such as {@code
     * fsync}, counts until the next write of this kind begins. Has no effect without a limit for the cache.
     *
     * @param background the first share, above 0; 0.1 unless set
     * @param most the second share, not below the first one and at most 1; 0.2 unless set
     * @return this
     * @throws IllegalArgumentException if a share is not in its bounds
     */
    public MachineBuilder dirtyRatio(double background, double most) {
        if (!(background > 0 && background <= most && most <= 1)) {
            throw new IllegalArgumentException("0 < " + background + " <= " + most + " <= 1 does not hold");
        }
        backgroundRatio = background;
        dirtyRatio = most;
        return this;
    }

    private long shareOfCache(double ratio) {
        return Math.max(1, (long) (cacheLimit * ratio));
    }

    /**
     * Sets the time between two writes of all dirty pages of files of the host in the background, on a thread of the
     * machine, or by the {@linkplain #executor executor}. They are written while a file is open for writing, and are
     * not forced to the device. A failure is told by the next {@code fsync} or {@code msync} of each open. A page
     * stays dirty for about this time at most; on Linux for the sum of {@code vm.dirty_expire_centisecs} and {@code
     * vm.dirty_writeback_centisecs}. The writes wait until concurrent changes of a file are complete.
     *
     * @param time 30 seconds unless set; zero for no such writes
     * @return this
     * @throws IllegalArgumentException if it is negative
     */
    public MachineBuilder writeBackEvery(Duration time) {
        if (time.isNegative()) {
            throw new IllegalArgumentException("time " + time + " is negative");
        }
        writeBackTime = time;
        return this;
    }

    /**
     * Sets what becomes of pages of files of the host that cannot be written, or whose file cannot be forced to its
     * device. Unless set, they stay dirty: each save and each write in the background tries again, they stay in memory
     * beyond the {@link #cacheLimit}, and a file whose last save fails stays open. If such writes are dropped, the
     * pages are clean then, as on Linux: their bytes stay in memory until the page is freed, and are lost after that
     * unless the page is written again; a file whose last save fails is closed. In both ways each open is told of a
     * failure once, and the failure of the last save of a file is reported.
     *
     * @param isDropped whether failed writes are dropped; false unless set
     * @return this
     */
    public MachineBuilder dropFailedWrites(boolean isDropped) {
        dropsFailedWrites = isDropped;
        return this;
    }

    /**
     * Sets whether a file of the host is forced to its device when it is closed: by the close of the last use of its
     * last open, and by {@link Machine#close}. Either way its dirty pages are written to the host first. Without a
     * force they are lost if the machine of the host fails soon afterwards, as on Linux, whose {@code close} forces
     * nothing: a program that needs its bytes on the device calls {@code fsync} or {@code msync}. These force also what
     * an open wrote that was closed without a force. A force takes milliseconds on most devices, so without it many
     * small files are written several times as fast.
     *
     * @param isForced whether a close forces; true unless set
     * @return this
     */
    public MachineBuilder forceOnClose(boolean isForced) {
        forcesOnClose = isForced;
        return this;
    }

    /**
     * Sets the time after which a wait for a range in flight is reported. The wait continues.
     *
     * @param time positive; 10 seconds unless set
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder reportWaitsLongerThan(Duration time) {
        if (time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("time " + time + " is not positive");
        }
        longWait = time;
        return this;
    }

    /**
     * Sets the time after which a {@linkplain Cpu#use borrow} of a space is reported, once, with the name of the thread
     * that has begun it. The borrow continues. Each step of the housekeeping looks for such borrows; so do the calls
     * that make a space, wait for quiescence or return the statistics of the machine. No thread runs for this alone, so
     * the report of an idle machine comes late.
     *
     * @param time positive; 10 seconds unless set
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    @Experimental
    public MachineBuilder reportBorrowsLongerThan(Duration time) {
        if (time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("time " + time + " is not positive");
        }
        longBorrow = time;
        return this;
    }

    /**
     * Sets the reporter, which receives every report that no caller can be given. The thread that detects the
     * condition calls it. That thread holds no lock of a space, but may hold locks of a file or of the machine's
     * own threads. The reporter must therefore return soon, and must not call a method of this machine that may
     * wait. An exception of the reporter goes to the thread's uncaught exception handler.
     *
     * @param reporter the reporter; unless set, reports go to the system logger {@code dev.samara.core}, each with its
     *     kind before its message. Its level is ERROR for {@link Report.Kind#INVARIANT_BROKEN}, {@link
     *     Report.Kind#RETIREMENT_FAILED}, {@link Report.Kind#FILE_NOT_SAVED} and {@link
     *     Report.Kind#FRAME_QUARANTINED}, and WARNING for the others
     * @return this
     */
    public MachineBuilder reportTo(Consumer<? super Report> reporter) {
        this.reporter = Objects.requireNonNull(reporter, "reporter");
        return this;
    }

    /**
     * Records for each reference the stack that acquired it. {@link Machine#outstandingReferences} returns those of
     * references to VMAs and of pins, and the exception for a second release contains them; {@link
     * AddressSpace#references} returns those of references to spaces. Acquiring a reference then costs many times as
     * much.
     *
     * @param isTracked whether the stacks are recorded; false unless set
     * @return this
     */
    public MachineBuilder trackReferences(boolean isTracked) {
        trackReferences = isTracked;
        return this;
    }

    /**
     * Gives the machine memory, so that mappings can be read and written. Frames are allocated when they are first
     * needed.
     *
     * <p>Unless a {@linkplain #frameStore store} is given, memory is in regions of the system's shared memory, one
     * for each GiB: on Linux, if {@code /dev/shm} has room. A region takes memory of the system in {@linkplain
     * #memoryPiece pieces}. A {@link dev.samara.core.guest.FlatMemory} is fastest in the first region, which is used
     * first. If the system has no room, memory is direct memory of the JVM, in pieces. {@link #build} refuses more of
     * that than {@linkplain Machine#directMemoryLimit the JVM's limit}, which is the size of the heap unless {@code
     * -XX:MaxDirectMemorySize} is set. All machines and all other users of direct memory share that limit. If there
     * is no memory for more frames, accesses that need a frame fail with {@code OUT_OF_MEMORY}. The system is asked
     * again after a second, or after a frame was freed.
     *
     * @param bytes the largest amount, at least a page, for each page size that spaces use; 0 for a machine without
     *     memory, unless set
     * @return this
     * @throws IllegalArgumentException if it is negative
     */
    public MachineBuilder memory(long bytes) {
        if (bytes < 0) {
            throw new IllegalArgumentException("memory " + bytes + " is negative");
        }
        memory = bytes;
        return this;
    }

    /**
     * Sets what happens when a fault finds no frame, and none can be reclaimed ({@code out_of_memory}), or needs a page
     * table beyond {@link #pageTableLimit}. Unless set, the fault is {@code OUT_OF_MEMORY}. Otherwise the machine asks
     * for the score of each space that has some of what is short, private pages or page tables, and was not reaped
     * before. It {@linkplain PageTableRef#reap reaps} the space with the highest score. Threads of the machine do that,
     * or steps of the {@linkplain #invokedHousekeeping invoked housekeeping}, one space at a time. The fault returns
     * {@link dev.samara.core.mman.Fault#RETRY} at once, and so does each fault that finds no frame until the end of the
     * reap. A fault is {@code OUT_OF_MEMORY} if no space can be reaped.
     *
     * <p>A space that cannot be emptied within about half a second is left as it is. The next fault that finds no frame
     * chooses another space. The reason may be a CPU in GUEST that does not poll, or an operation that stays in flight.
     * A space is also left as it is if its notifier does not return within two seconds, or if no thread makes steps.
     * Where the housekeeping is invoked, faults make steps only for spaces without notifiers. The end of each reap is
     * reported ({@link Report.Kind#SPACE_REAPED}). The embedder ends the spaces that were reaped: accesses there are
     * {@code ADRERR}.
     *
     * @param score scores spaces; null for none, unless set
     * @return this
     */
    @Experimental
    public MachineBuilder lowMemory(@Nullable VictimScore score) {
        this.score = score;
        return this;
    }

    /**
     * Sets how many bytes of memory are allocated at a time. A piece takes its whole size as soon as one of its
     * frames is needed.
     *
     * @param bytes from 1 to 2^30; 2^22 unless set; at least a page is allocated
     * @return this
     * @throws IllegalArgumentException if {@code bytes} is not in that range
     */
    @Experimental
    public MachineBuilder memoryPiece(long bytes) {
        if (bytes < 1 || bytes > MOST_PIECE) {
            throw new IllegalArgumentException("memoryPiece " + bytes + " is not in 1..2^30");
        }
        memoryPiece = bytes;
        return this;
    }

    /**
     * Sets the store of the frames' bytes; unless set, they are as {@link #memory} describes.
     *
     * @param maker makes the store for a page size; null for that of {@link #memory}
     * @return this
     */
    @Experimental
    public MachineBuilder frameStore(@Nullable StoreMaker maker) {
        stores = maker;
        return this;
    }

    /**
     * Checks each access of a CPU when it is made, against the page table, the layout, the reuse stamp of its frame
     * and the calls that are running. An access that breaks an invariant throws an {@link
     * dev.samara.core.event.InvariantViolation}, which is also reported, with the earlier actions of both sides.
     * An access then takes many times as long. The system property
     * {@code samara.checked} sets this for every machine.
     *
     * @param isChecked whether accesses are checked; as the property says, false without it, unless set
     * @return this
     */
    public MachineBuilder checked(boolean isChecked) {
        checked = isChecked;
        return this;
    }

    /**
     * Sets what CPUs in LAZY keep of the spaces that they have left.
     *
     * @param strategy the strategy; {@link LazyTlb#SHOOTDOWN} unless set
     * @return this
     */
    @Experimental
    public MachineBuilder lazyTlb(LazyTlb strategy) {
        lazyTlb = Objects.requireNonNull(strategy, "strategy");
        return this;
    }

    /**
     * Sets whether flushes leave out CPUs that need none. A flush that concerns several CPUs then looks at none of them
     * while only the caller's CPU is in the space, out of GUEST, or no CPU is. CPUs that have left the space flush when
     * they come back in any case. A flush of pages that no CPU has used, or only the caller's CPU, is unknown to other
     * threads: it has no generation, and they pass nothing over.
     *
     * @param isElided whether flushes leave out such CPUs; true unless set
     * @return this
     */
    @Experimental
    public MachineBuilder elideFlushes(boolean isElided) {
        elides = isElided;
        return this;
    }

    /**
     * Fills freed frames with a pattern, which makes a use after free visible.
     *
     * @param isPoisoned whether freed frames are filled; false unless set
     * @return this
     */
    @Experimental
    public MachineBuilder poisonFrames(boolean isPoisoned) {
        poisonsFrames = isPoisoned;
        return this;
    }

    /**
     * Sets the largest number of pages of a file that one fault maps: the accessed page, and the pages around it
     * that are already in memory ({@code fault_around_bytes}).
     *
     * @param pages a power of two; 16 unless set
     * @return this
     * @throws IllegalArgumentException if {@code pages} is not a power of two
     */
    public MachineBuilder faultAround(int pages) {
        if (pages <= 0 || Integer.bitCount(pages) != 1) {
            throw new IllegalArgumentException("faultAround " + pages + " is not a power of two");
        }
        faultAround = pages;
        return this;
    }

    /**
     * Has a read of anonymous memory without a page allocate one, as a write does. Unless this is set, the read maps
     * the shared zero page, and the first write to it is a second fault. With it, memory that is only read takes as
     * many frames as memory that is written, counts as resident, and its mapping has an {@code anon_vma}, so it merges
     * less often. Where it may be written it counts as written, also for {@link AddressSpace#collectDirty}. Linux does
     * this for some spaces of one architecture ({@code mm_forbids_zeropage}), and the kernels of some hypervisors'
     * guests do it always.
     *
     * @param isForbidden whether the zero page is never mapped; false unless set
     * @return this
     */
    @Experimental
    public MachineBuilder forbidZeroPage(boolean isForbidden) {
        forbidsZeroPage = isForbidden;
        return this;
    }

    /**
     * Sets the number of translations that a CPU's TLB holds. A translation is of 4 KiB, or of a page if pages are
     * smaller. It uses the entry at the number of its 4 KiB, or of its page, modulo this number. An entry takes 40
     * bytes in each CPU that serves a space.
     *
     * @param entries a power of two from 2 to 2^20. Unless set, as many as {@link #memory} has pages of 4 KiB, but at
     *     least 4096 and at most 16,384, which are 64 MiB of memory and 640 KiB in each CPU
     * @return this
     * @throws IllegalArgumentException if {@code entries} is not such a power of two
     */
    public MachineBuilder tlbEntries(int entries) {
        if (entries < Machine.LEAST_TLB_ENTRIES || entries > 1 << 20 || Integer.bitCount(entries) != 1) {
            throw new IllegalArgumentException("tlbEntries " + entries + " is not a power of two in 2..2^20");
        }
        tlbEntries = entries;
        return this;
    }

    /**
     * Bounds the background work that waits for grace periods and for CPUs that do not acknowledge: asynchronous
     * operations, and closes of backings that have memory. A backing that blocks in {@code rcuMapPages} delays
     * grace periods. At the bound no operation begins that could add to this work; but a space can be closed and
     * forked, and stacks grow. An asynchronous operation that asks a backing before its publication begins again after
     * the answer.
     *
     * @param callbacks the bound; operations that have already begun may exceed it; positive, 65536 unless set
     * @param refuse true to refuse an operation at the bound with {@code EAGAIN}, with nothing changed; false to
     *     make its caller wait
     * @return this
     * @throws IllegalArgumentException if {@code callbacks} is not positive
     */
    @Experimental
    public MachineBuilder boundGracePeriods(int callbacks, boolean refuse) {
        if (callbacks <= 0) {
            throw new IllegalArgumentException("callbacks " + callbacks + " is not positive");
        }
        mostCallbacks = callbacks;
        atBound = refuse ? Backlog.AtBound.REFUSE : Backlog.AtBound.WAIT;
        return this;
    }

    /**
     * Sets the time after which a reader that delays a grace period is reported, by name. The wait continues.
     *
     * @param time positive; 10 seconds unless set
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder reportGracePeriodsLongerThan(Duration time) {
        if (time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("time " + time + " is not positive");
        }
        longGracePeriod = time;
        return this;
    }

    /**
     * Sets the time after which a CPU that does not acknowledge a shootdown is reported, with its thread and the
     * thread's stack. The wait continues.
     *
     * @param time positive; 10 seconds unless set
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder reportShootdownsLongerThan(Duration time) {
        if (time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("time " + time + " is not positive");
        }
        longShootdown = time;
        return this;
    }

    /**
     * Sets how CPUs learn of a pending shootdown, and the action for a CPU that does not answer for {@linkplain
     * #reportShootdownsLongerThan the set time}.
     *
     * @param how the delivery; the thread that makes the request calls it, and those that wait for its end
     * @return this
     */
    @Experimental
    public MachineBuilder deliverShootdowns(ShootdownDelivery how) {
        delivery = Objects.requireNonNull(how, "how");
        return this;
    }

    /**
     * Checks the calls of backings in {@code rcuMapPages}, which must not block. Operations, forks, changes of a
     * page cache, grace periods and faults that begin there throw and are reported. A call that takes too long is
     * reported too. (If a call never returns, {@link #reportGracePeriodsLongerThan} names the CPU.) Every fault on
     * a file then takes longer.
     *
     * @param longest the time after which a call is reported, not negative; null to check none, unless set
     * @return this
     * @throws IllegalArgumentException if it is negative
     */
    @Experimental
    public MachineBuilder checkOffers(@Nullable Duration longest) {
        if (longest != null && longest.isNegative()) {
            throw new IllegalArgumentException("longest " + longest + " is negative");
        }
        longestOffer = longest == null ? MachineMemory.UNCHECKED : saturatedNanos(longest);
        return this;
    }

    /**
     * Sets the executor of the callbacks that may block, and of the steps of asynchronous operations: closes of
     * backings, completions, events of listeners. Unless set, these run on daemon threads of the machine, which
     * are started on demand and end when they are idle. There, tasks begin in order, and a task that takes long
     * delays others by about 10 ms, or for its whole length if 256 threads run such tasks already.
     *
     * <p>The executor must run each task, and not wait itself. A task that it refuses with an exception runs on a
     * thread of the machine, and the refusal is reported. It must outlive the spaces of the machine.
     *
     * <p>An executor may run tasks at once ({@code Runnable::run}). They run on the thread of the housekeeping then,
     * and delay it. If the {@linkplain #invokedHousekeeping housekeeping is invoked}, its steps run them: the steps of
     * the embedder, of {@link Machine#awaitQuiescence}, of {@code join} and {@code get} of a {@link
     * dev.samara.core.mman.PendingCall}, and of a call that waits for room behind grace periods before it begins. Calls
     * that wait later run no callback, except the notifiers of asynchronous operations. So a callback may call a method
     * that waits, as on a thread of the machine. It must not wait for another callback, nor for a lock of the embedder
     * if the thread that makes steps holds that lock. Neither may a notifier, which any call that waits may run.
     *
     * @param executor the executor; null for the threads of the machine
     * @return this
     */
    public MachineBuilder executor(@Nullable Executor executor) {
        this.executor = executor;
        return this;
    }

    /**
     * Sets how the thread of the housekeeping idles while calls wait and none can continue. The thread is a daemon
     * of the machine that starts when there is something to wait for, and ends when there is not. Unless set, it
     * parks for 1 microsecond to 1 millisecond.
     *
     * @param idle the strategy, of one machine only; null for the usual one. One that throws is not asked again
     * @return this
     */
    @Experimental
    public MachineBuilder housekeeping(@Nullable IdleStrategy idle) {
        this.idle = idle;
        return this;
    }

    /**
     * Leaves the steps of the housekeeping to the embedder, which calls {@link Machine#housekeeping} of the machine. No
     * thread of the machine makes them then. A call of the library that waits for the housekeeping makes steps itself,
     * on whatever thread it waits; so do {@code join} and {@code get} of a {@link dev.samara.core.mman.PendingCall}.
     * The {@code join} and {@code get} of a stage that depends on the call make no steps. Once an operation or a fault
     * has begun, its waits leave out callbacks of the embedder, except notifiers of asynchronous operations; the next
     * step of another kind hands the callbacks to the executor. Callbacks are kept until then, and {@link
     * #boundGracePeriods} does not count those whose grace period has ended: a program whose calls never wait has to
     * make steps, or its backings are never closed.
     *
     * @param isInvoked whether the embedder makes the steps; false unless set
     * @return this
     */
    @Experimental
    public MachineBuilder invokedHousekeeping(boolean isInvoked) {
        this.isInvoked = isInvoked;
        return this;
    }

    /**
     * How the thread of the housekeeping idles between two steps. An idle strategy of Agrona is passed as {@code
     * strategy::idle}.
     */
    @FunctionalInterface
    @Experimental
    public interface IdleStrategy {
        /**
         * Pauses, unless there was work. Called after each step, by the thread of the housekeeping. A call that begins
         * to wait meanwhile unparks that thread. A strategy that throws is reported, and is not asked again.
         *
         * @param workCount how many calls the last step has handed over
         */
        void idle(int workCount);
    }

    /** Makes frame stores. */
    @FunctionalInterface
    @Experimental
    public interface StoreMaker {
        /**
         * Returns a new store without frames.
         *
         * @param pageShift binary logarithm of the size of a frame in bytes
         * @param frames the largest number of frames
         * @return a new store
         */
        FrameStore make(int pageShift, int frames);
    }

    private static long saturatedNanos(Duration time) {
        return time.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0 ? time.toNanos() : Long.MAX_VALUE;
    }

    private int chunkShift(long frames, int pageShift) {
        long inPiece = Math.max(1, memoryPiece >>> pageShift);
        // The zero page, one frame more than requested, must not add another piece.
        return frames <= inPiece
                ? Long.SIZE - Long.numberOfLeadingZeros(frames)
                : Long.SIZE - 1 - Long.numberOfLeadingZeros(inPiece);
    }

    private MachineMemory memory(MachineState host, int pageShift) {
        long most = Math.min(Math.max(1, memory >>> pageShift), Integer.MAX_VALUE - 2);
        int chunkShift = chunkShift(most, pageShift);
        StoreMaker maker = stores;
        FrameStore store = maker == null
                ? new DirectFrames(pageShift, chunkShift, (int) most + 1, true)
                : maker.make(pageShift, (int) most + 1);
        Rcu rcu = new Rcu(new Rcu.Settings(
                host.tasks(),
                host.housekeeping(),
                new Backlog(mostCallbacks, atBound, host.housekeeping()),
                saturatedNanos(longGracePeriod),
                message -> host.report(Report.Kind.LONG_WAIT, message, null)));
        Frames frames = new Frames(
                store,
                pageShift,
                chunkShift,
                (int) most,
                poisonsFrames,
                (thrown, frame) -> reportQuarantined(host, frame, thrown));
        DirtyPages dirtyPages = host.hostFiles().dirtyPages();
        if (dirtyPages != null) {
            frames.countDirtied(dirtyPages);
        }
        MachineMemory made = new MachineMemory(
                frames,
                rcu,
                new Shootdowns(
                        new Cpus(lazyTlb.maker()),
                        saturatedNanos(longShootdown),
                        message -> host.report(Report.Kind.LONG_WAIT, message, null),
                        delivery,
                        thrown -> host.report(Report.Kind.CALLBACK_FAILED, "a shootdown's delivery", thrown),
                        elides),
                faultAround,
                longestOffer,
                checked ? new AccessChecker(message -> host.report(Report.Kind.INVARIANT_BROKEN, message, null)) : null,
                host.indexBudget());
        if (forbidsZeroPage) {
            made.forbidZeroPage();
        }
        return made;
    }

    /** Reports on a thread of the machine, because the thread that frees a frame may hold locks. */
    private static void reportQuarantined(MachineState host, int frame, Throwable thrown) {
        host.tasks()
                .execute(() -> host.report(
                        Report.Kind.FRAME_QUARANTINED, "frame " + frame + " could not be poisoned", thrown));
    }

    /**
     * Builds the machine.
     *
     * @return a new machine
     * @throws IllegalArgumentException if no frame store is set, the system has no regions for the memory, and the
     *     memory exceeds the JVM's limit of direct memory
     */
    public Machine build() {
        checkMemory();
        if (longestOffer != MachineMemory.UNCHECKED) {
            NoWaiting.use();
        }
        MachineState host = new MachineState(settings());
        configure(host.hostFiles());
        if (trackReferences) {
            host.trackReferences(new RefTracker());
        }
        return new Machine(new Spaces(host, Machine::tearDown), tlbSize(), score);
    }

    private int tlbSize() {
        if (tlbEntries != 0) {
            return tlbEntries;
        }
        long granules = Math.min(memory >>> SoftTlb.GRANULE_SHIFT, MOST_USUAL_ENTRIES);
        // A power of two, and not less.
        return Math.max(LEAST_USUAL_ENTRIES, Integer.highestOneBit(2 * (int) granules - 1));
    }

    private void checkMemory() {
        if (memory > Machine.directMemoryLimit() && stores == null && !DirectFrames.mayHaveRegions(memory)) {
            throw new IllegalArgumentException("memory " + memory + " is above " + Machine.directMemoryLimit()
                    + ", the JVM's limit of direct memory: -XX:MaxDirectMemorySize, or the maximum heap"
                    + " without it");
        }
    }

    private MachineState.Settings settings() {
        return new MachineState.Settings(
                maxMapCount,
                stackGuardGap,
                commitLimit,
                pageTableLimit > 0
                        ? pageTableLimit
                        : TableBudget.share(memory, Runtime.getRuntime().maxMemory()),
                saturatedNanos(longBorrow),
                new MachineThreads(
                        reporter, saturatedNanos(longWait), executor, idle == null ? null : idle::idle, isInvoked),
                memory == 0 ? null : this::memory);
    }

    private void configure(HostFiles files) {
        files.limit(cacheLimit);
        if (cacheLimit != Long.MAX_VALUE) {
            files.limitDirty(shareOfCache(backgroundRatio), shareOfCache(dirtyRatio));
        }
        if (dropsFailedWrites) {
            files.dropFailedWrites();
        }
        if (!forcesOnClose) {
            files.forceNothingOnClose();
        }
        if (!writeBackTime.isZero()) {
            files.writeEvery(saturatedNanos(writeBackTime));
        }
    }

    /** Returns the settings of the memory as text. */
    @Override
    public String toString() {
        return "builder of a machine, memory " + memory + ", tlbEntries " + tlbSize() + (checked ? ", checked" : "");
    }
}
