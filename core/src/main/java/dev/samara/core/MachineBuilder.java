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
import dev.samara.core.internal.page.Frames;
import dev.samara.core.internal.page.Frames.DirtyPages;
import dev.samara.core.internal.page.PageTable.TableBudget;
import dev.samara.core.internal.space.MachineState;
import dev.samara.core.internal.space.MachineThreads;
import dev.samara.core.internal.space.Spaces;
import dev.samara.core.internal.sync.Rcu;
import dev.samara.core.internal.sync.Rcu.NoWaiting;
import dev.samara.core.internal.tlb.SoftTlb;
import dev.samara.core.vma.FrameStore;
import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.Executor;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A builder of machines. Not thread-safe. */
public final class MachineBuilder {
    private static final System.Logger LOGGER = System.getLogger("dev.samara.core");

    private static final long MOST_PIECE = 1L << 30;

    private static final int LEAST_USUAL_ENTRIES = 1 << 12;

    /**
     * The maximum default number of TLB entries. Most programs would not use more, and each of possibly many CPUs has
     * its own TLB.
     */
    private static final int MOST_USUAL_ENTRIES = 1 << 14;

    private int maxMapCount = 65530;
    private long stackGuardGap = 256;
    private long commitLimit = CommittedMemory.UNLIMITED;

    /** -1 for the default share of the memory. */
    private long pageTableLimit = -1;

    private long cacheLimit = Long.MAX_VALUE;
    private double backgroundRatio = 0.1;
    private double dirtyRatio = 0.2;
    private boolean dropsFailedWrites;
    private boolean forcesOnClose = true;
    private int mostKeptFiles;
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
    private Rcu.AtBound atBound = Rcu.AtBound.WAIT;
    private Duration longGracePeriod = Duration.ofSeconds(10);
    private Duration longShootdown = usualLongShootdown();
    private ShootdownDelivery delivery = ShootdownDelivery.POLLED;
    private @Nullable StoreMaker stores;

    /** The number of TLB entries; 0 to derive it from the size of the memory. */
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

    /** Returns the default time after which a CPU that does not acknowledge a shootdown is reported. */
    static Duration usualLongShootdown() {
        return Duration.ofMillis(Math.max(1, Long.getLong("samara.longShootdown", 100)));
    }

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
     * Limits the number of mappings of a space ({@code vm.max_map_count}). As on Linux, the limit is soft: some calls
     * may exceed it by one.
     *
     * @param maps the limit, positive; 65530 unless set
     * @return this
     * @throws IllegalArgumentException if {@code maps} is not positive
     */
    public MachineBuilder maxMapCount(int maps) {
        checkPositive(maps, "maxMapCount");
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
     * Limits the memory that may be committed to all spaces together, as {@code vm.overcommit_memory=2} does; NORESERVE
     * then has no effect. Without a limit no call fails for lack of commit.
     *
     * @param bytes the limit; -1, the default, for no limit
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
     * space included; {@link dev.samara.core.mman.Resource#PAGE_TABLES} limits the page tables of one space. Tables are
     * objects of the Java heap, and a guest may need one for each page that it reads.
     *
     * <p>If another table would exceed the limit, the machine first frees empty tables. If that does not suffice, an
     * access returns {@code OUT_OF_MEMORY}, or triggers what {@link #lowMemory} configures. A call returns ENOMEM, and
     * has changed nothing except that a part of its range may be faulted in; {@code newSpace} and {@code fork} throw.
     * Tables that turn out to be missing after a call has published are allocated beyond the limit: at most as many as
     * other threads freed, or filled, during that call.
     *
     * <p>A separate limit of the same size applies to the index nodes of all page caches, except the first node of each
     * cache. A guest may need several nodes for each page of a sparse file. Beyond the limit, no frame is allocated for
     * a page that would need another index node, as if memory were exhausted.
     *
     * @param bytes the limit, positive. Unless set, half of the {@linkplain #memory memory} and at least 8 MiB, but not
     *     more than a quarter of the maximum heap
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder pageTableLimit(long bytes) {
        checkPositive(bytes, "pageTableLimit");
        pageTableLimit = bytes;
        return this;
    }

    /**
     * Limits the memory for pages of host files ({@link Machine#openFile}). When a page must be read near the limit,
     * the machine first frees clean pages, mapped or not: pages that a sequential read of the file left behind, and
     * then pages that have not been mapped again since the previous scan. If there are none, it writes dirty pages, so
     * a guest that writes faster than the device waits for the device; {@link #dirtyRatio} makes it wait earlier. Pages
     * of locked mappings and pinned pages stay. Pages that are being read may exceed the limit; so may dirty pages that
     * cannot be written. Their write is retried after as many misses as there are pages in memory, and by saves and
     * periodic writes. Without a limit, pages are only freed when no frame is free.
     *
     * @param bytes the limit, positive; no limit unless set
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder cacheLimit(long bytes) {
        checkPositive(bytes, "cacheLimit");
        cacheLimit = bytes;
        return this;
    }

    /**
     * Sets the fractions of the {@link #cacheLimit} that dirty pages of host files may occupy ({@code
     * vm.dirty_background_ratio}, {@code vm.dirty_ratio}). Calls that write to a file, and stores through shared
     * mappings that make a clean page dirty, check both. Above the first fraction, they start a task of the machine
     * that writes the dirty pages of all files, on its own thread or on the {@linkplain #executor executor}. Above the
     * second, they first write the pages themselves, or wait for another thread that does. Such a store is a fault,
     * handled outside GUEST. It does not wait if other threads may wait for its thread, e.g. while another CPU of the
     * thread is in GUEST. A store to a page that is already dirty checks nothing. No page is forced to the device.
     * Pages that cannot be written are not counted, so no thread waits for them.
     *
     * <p>A page is counted as dirty when it is first written, once for each mapping and once for calls. It is counted
     * again when it is written after it was saved, or after its mark was collected. A page that was saved by another
     * call, such as {@code fsync}, is still counted until the next background or throttled write starts. Has no effect
     * without a cache limit.
     *
     * @param background the first fraction, above 0; 0.1 unless set
     * @param most the second fraction, not below the first one and at most 1; 0.2 unless set
     * @return this
     * @throws IllegalArgumentException if a fraction is out of bounds
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
     * Sets the interval at which all dirty pages of host files are written in the background, on one of the machine's
     * threads, or on the {@linkplain #executor executor}. Pages are written while their file is open for writing, and
     * are not forced to the device. The next {@code fsync} or {@code msync} of each open reports a failure. A page
     * stays dirty for about this time at most; on Linux for the sum of {@code vm.dirty_expire_centisecs} and {@code
     * vm.dirty_writeback_centisecs}. The writes wait until concurrent changes to a file are complete.
     *
     * @param time 30 seconds unless set; zero disables these writes
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
     * Sets what happens to pages of host files that cannot be written, or whose file cannot be forced to its device.
     * Unless set, they stay dirty: each save and each background write retries, they stay in memory even beyond the
     * {@link #cacheLimit}, and a file whose last save fails stays open. If failed writes are dropped, the pages become
     * clean, as on Linux: their contents stay in memory until the page is freed, and are then lost unless the page was
     * written again; a file whose last save fails is closed. In both cases each open returns a failure once, and the
     * failure of a file's last save is reported.
     *
     * @param isDropped whether failed writes are dropped; false unless set
     * @return this
     */
    public MachineBuilder dropFailedWrites(boolean isDropped) {
        dropsFailedWrites = isDropped;
        return this;
    }

    /**
     * Sets whether a host file is forced to its device when it is closed: by the close of the last use of its last
     * open, and by {@link Machine#close}. Either way its dirty pages are written to the host first. If they are not
     * forced, they are lost if the host crashes soon afterwards, as on Linux, whose {@code close} forces nothing: a
     * program that needs its data on the device must call {@code fsync} or {@code msync}, which also force data written
     * through an open that was closed without a force. A force takes milliseconds on most devices, so without it many
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
     * Keeps the pages of host files in memory after their last close, so that the next open of a file finds them.
     * Unless set, the pages of a file are freed by its last close, and the next open reads them again.
     *
     * <p>The pages serve the next {@link Machine#openFile} of the same file (the same file key, i.e. device and inode
     * number, by whatever path) if the size, the time of the last modification and the time of the last status change
     * of the file are those of the open that began to read them. Otherwise, and for an open with another page size or
     * other {@link dev.samara.core.backing.PageHooks} or rules, the pages are freed, and the open reads the file again.
     * So an open never finds bytes that another program had replaced before the open began, by writing, renaming or
     * linking files, even if that program has set the time of the modification back. Some changes are not detected,
     * because the host does not show them: a store of another program through a mapping, to a page that it had changed
     * before the open and that had not been written back by then, or to any page on a file system in memory (tmpfs); a
     * directory of the path that is renamed during the open; a change on a network file system that this host has not
     * been informed of; and a change while the host's clock was set back.
     *
     * <p>The pages of a file are freed by its last close all the same if it was open for writing, if it was changed
     * less than two seconds before the open that began to read its pages, if that open's path contains a symbolic link,
     * if the file was locked, if the host has no file keys and no times of status changes, as on Windows, and if it was
     * opened as a channel or a buffer. What a last close saves and reports does not depend on this setting.
     *
     * <p>A kept file counts as open for the host. It keeps one descriptor, so the number should be well below the limit
     * of the process (an open of this machine that finds no descriptor left closes all kept files, and is tried once
     * more); and if it is deleted, its space on the device is freed only when it is no longer kept. A machine that
     * keeps files must be closed, which frees them. A kept file also counts as open for other machines of the process
     * that lock the file (EBUSY), and its descriptor is closed at any time, which ends locks that other code of the
     * process holds on the file (as {@code fcntl} locks end). When another file would exceed the bound, the file whose
     * last close was longest ago is closed. Kept pages are evicted like all others, near the {@link #cacheLimit} or
     * when no frame is free. {@link Machine#close} closes all kept files.
     *
     * @param most the maximum number of kept files; 0, i.e. none, unless set
     * @return this
     * @throws IllegalArgumentException if it is negative
     */
    @Experimental
    public MachineBuilder keepClosedFiles(int most) {
        if (most < 0) {
            throw new IllegalArgumentException("keepClosedFiles " + most + " is negative");
        }
        mostKeptFiles = most;
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
        longWait = positive(time);
        return this;
    }

    /**
     * Sets the time after which a {@linkplain Cpu#use borrow} of a space is reported, once, with the name of the thread
     * that started it. The borrow continues. Each housekeeping step checks for such borrows; so do the calls that
     * create a space, wait for quiescence or return the machine's statistics. No thread runs for this alone, so reports
     * from an idle machine come late.
     *
     * @param time positive; 10 seconds unless set
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    @Experimental
    public MachineBuilder reportBorrowsLongerThan(Duration time) {
        longBorrow = positive(time);
        return this;
    }

    /**
     * Sets the reporter, which receives every report that cannot be returned to a caller. The thread that detects the
     * condition calls it. That thread holds no lock of a space, but may hold locks of a file or of the machine's own
     * threads. The reporter must therefore return soon, and must not call a method of this machine that may wait. An
     * exception from the reporter goes to the thread's uncaught exception handler.
     *
     * @param reporter the reporter; unless set, reports go to the system logger {@code dev.samara.core}, each with its
     *     kind before its message. Its level is ERROR for {@link Report.Kind#INVARIANT_BROKEN}, {@link
     *     Report.Kind#RETIREMENT_FAILED}, {@link Report.Kind#FILE_NOT_SAVED} and {@link Report.Kind#FRAME_QUARANTINED},
     *     and WARNING for the others
     * @return this
     */
    public MachineBuilder reportTo(Consumer<? super Report> reporter) {
        this.reporter = Objects.requireNonNull(reporter, "reporter");
        return this;
    }

    /**
     * Records the stack trace at which each reference is acquired. {@link Machine#outstandingReferences} returns the
     * traces of VMA references and pins, and the exception for a second release contains them; {@link
     * AddressSpace#references} returns the traces of references to spaces. Tracking makes acquiring a reference many
     * times as expensive.
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
     * <p>Unless a {@linkplain #frameStore store} is set, memory is in regions of the system's shared memory, one per
     * GiB, if the system is Linux and {@code /dev/shm} has room. A region allocates system memory in {@linkplain
     * #memoryPiece pieces}. A {@link dev.samara.core.guest.FlatMemory} is fastest in the first region, which is used
     * first. Otherwise memory is the JVM's direct memory, in pieces. {@link #build} refuses to use more direct memory
     * than {@linkplain Machine#directMemoryLimit the JVM's limit}, which is the heap size unless {@code
     * -XX:MaxDirectMemorySize} is set. All machines and all other users of direct memory share that limit. If no memory
     * is left for more frames, accesses that need a frame fail with {@code OUT_OF_MEMORY}. The machine asks the system
     * again after a second, or after a frame is freed.
     *
     * @param bytes the maximum amount, at least a page, for each page size that spaces use; 0, the default, for a
     *     machine without memory
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
     * Sets what happens when a fault finds no free frame, and none can be reclaimed ({@code out_of_memory}), or needs a
     * page table beyond {@link #pageTableLimit}. Unless set, the fault returns {@code OUT_OF_MEMORY}. Otherwise the
     * machine requests the score of each space that was not reaped before and owns some of the scarce resource, private
     * pages or page tables. It {@linkplain PageTableRef#reap reaps} the space with the highest score. The machine's
     * threads do that, or steps of the {@linkplain #invokedHousekeeping invoked housekeeping}, one space at a time. The
     * fault returns {@link dev.samara.core.mman.Fault#RETRY} immediately, and so does each fault that finds no free
     * frame until the reap ends. A fault returns {@code OUT_OF_MEMORY} if no space can be reaped.
     *
     * <p>The machine abandons a space that cannot be emptied within about half a second, e.g. because a CPU in GUEST
     * does not poll, or an operation stays in flight. The next fault that finds no free frame chooses another space.
     * The machine also abandons a space if its notifier does not return within two seconds, or if no thread runs
     * housekeeping steps. With invoked housekeeping, faults run steps only for spaces without notifiers. The end of
     * each reap is reported ({@link Report.Kind#SPACE_REAPED}). The embedder should end the spaces that were reaped:
     * accesses there return {@code ADRERR}.
     *
     * @param score scores spaces; null, the default, if faults should return {@code OUT_OF_MEMORY}
     * @return this
     */
    @Experimental
    public MachineBuilder lowMemory(@Nullable VictimScore score) {
        this.score = score;
        return this;
    }

    /**
     * Sets how many bytes of memory are allocated at a time. A piece is allocated as a whole as soon as one of its
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
     * Sets the store of the frames' bytes; unless set, they are stored as {@link #memory} describes.
     *
     * @param maker creates the store for a page size; null, the default, for the store that {@link #memory} describes
     * @return this
     */
    @Experimental
    public MachineBuilder frameStore(@Nullable StoreMaker maker) {
        stores = maker;
        return this;
    }

    /**
     * Checks each CPU access when it happens, against the page table, the layout, the frame's reuse stamp and the calls
     * in progress. An access that breaks an invariant throws an {@link dev.samara.core.event.InvariantViolation}, which
     * is also reported, with the latest accesses and revocations. Checking makes an access many times as expensive. The
     * system property {@code samara.checked} sets this for every machine.
     *
     * @param isChecked whether accesses are checked; unless set, the value of the property, or false without the
     *     property
     * @return this
     */
    public MachineBuilder checked(boolean isChecked) {
        checked = isChecked;
        return this;
    }

    /**
     * Sets what LAZY CPUs keep of the spaces that they have left.
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
     * Sets whether flushes skip CPUs that need none. A flush that concerns several CPUs then checks none of them if no
     * CPU is in the space, or only the caller's CPU, outside GUEST. In any case, CPUs that have left the space flush
     * their translations when they return. A flush of pages that no CPU has used, or only the caller's CPU, is
     * invisible to other threads: it has no generation, and other threads miss nothing.
     *
     * @param isElided whether flushes skip such CPUs; true unless set
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
     * Sets the maximum number of file pages that one fault maps: the accessed page, and the pages around it that are
     * already in memory ({@code fault_around_bytes}). In a mapping of a {@code HostFile} with {@code MADV_RANDOM} it
     * maps the accessed page only.
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
     * Makes a read of anonymous memory without a page allocate one, as a write does. Unless this is set, the read maps
     * the shared zero page, and the first write causes a second fault. If it is set, memory that is only read uses as
     * many frames as memory that is written, and counts as resident; its mapping gets an {@code anon_vma}, so it merges
     * less often. Where it is writable it counts as written, including for {@link AddressSpace#collectDirty}. Linux
     * does this for some spaces on one architecture ({@code mm_forbids_zeropage}), and the kernels of some hypervisors'
     * guests always do.
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
     * Sets the number of translations that a CPU's TLB holds. A translation covers 4 KiB, or a page if pages are
     * smaller. The TLB is direct-mapped: a translation uses the entry whose index is its 4 KiB unit's number modulo
     * this setting. An entry takes 40 bytes in each CPU that serves a space.
     *
     * <p>A CPU that has filled as many translations as this setting gets a second level of its TLB, for loads and
     * stores, which is faster than a walk of the page table. It has 32 entries of 16 bytes for each entry of this
     * setting, but at most 65,536, which are 256 MiB of memory and 1 MiB in each such CPU. It has none if this setting
     * is at least 65,536.
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
     * operations, and closes of backings that have memory. A backing that blocks in {@code rcuMapPages} delays grace
     * periods. At the bound, no operation starts that could add to this work; but spaces can still be closed and
     * forked, and stacks grow. An asynchronous operation that asks a backing before its publication is checked against
     * the bound again after the reply.
     *
     * @param callbacks the bound; operations that have already started may exceed it; positive, 65536 unless set
     * @param refuse true if an operation at the bound returns {@code EAGAIN}, with nothing changed; false if its caller
     *     waits
     * @return this
     * @throws IllegalArgumentException if {@code callbacks} is not positive
     */
    @Experimental
    public MachineBuilder boundGracePeriods(int callbacks, boolean refuse) {
        checkPositive(callbacks, "callbacks");
        mostCallbacks = callbacks;
        atBound = refuse ? Rcu.AtBound.REFUSE : Rcu.AtBound.WAIT;
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
        longGracePeriod = positive(time);
        return this;
    }

    /**
     * Sets the time after which a CPU that does not acknowledge a shootdown is reported, with its thread and the
     * thread's stack. Such a CPU was in GUEST for this time without a poll. The wait continues. The report comes a
     * quarter of this time later, so a pause of the whole JVM is not reported. Where the host has fewer processors than
     * threads that run guest code, a thread may be descheduled for longer than the default time: set a longer time
     * there.
     *
     * @param time positive; 100 milliseconds unless set, or as many as the system property {@code samara.longShootdown}
     *     contains when this builder is created
     * @return this
     * @throws IllegalArgumentException if it is not positive
     */
    public MachineBuilder reportShootdownsLongerThan(Duration time) {
        longShootdown = positive(time);
        return this;
    }

    /**
     * Sets how CPUs are notified of a pending shootdown, and the action for a CPU that does not acknowledge it within
     * {@linkplain #reportShootdownsLongerThan the configured time}.
     *
     * @param how the delivery; called by the requesting thread, and by the threads that wait for the request's end
     * @return this
     */
    @Experimental
    public MachineBuilder deliverShootdowns(ShootdownDelivery how) {
        delivery = Objects.requireNonNull(how, "how");
        return this;
    }

    /**
     * Checks the calls of backings in {@code rcuMapPages}, which must not block. Operations, forks, changes of a page
     * cache, grace periods and faults that start there throw and are reported. A call that takes too long is also
     * reported. (If a call never returns, {@link #reportGracePeriodsLongerThan} names the CPU.) Checking makes every
     * file fault slower.
     *
     * @param longest the time after which a call is reported, not negative; null, the default, to check no calls
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
     * Sets the executor for callbacks that may block, and for steps of asynchronous operations: closes of backings,
     * completions, listener events. Unless set, these run on the machine's daemon threads, which are started on demand
     * and exit when idle. There, tasks start in order, and a long task delays others by about 10 ms, or for its whole
     * duration if 256 threads already run such tasks.
     *
     * <p>The executor must run each task, and its {@code execute} must not block. A task that it rejects with an
     * exception runs on one of the machine's threads, and the rejection is reported. A task that it runs later, so near
     * the end of a stack that the task throws a {@link StackOverflowError} before it begins, is lost. The executor must
     * outlive the machine's spaces.
     *
     * <p>The number of its threads must not be bounded if its tasks wait. A task waits if it calls a method of the
     * library that waits, e.g. a stage of a {@link dev.samara.core.mman.PendingCall} that calls {@code munmap}. That
     * call may wait for an operation whose next step is a later task. If each thread of the executor runs a task that
     * waits, all of them wait forever, and after {@link #reportWaitsLongerThan} this is reported. With a bounded number
     * of threads, tasks must use the asynchronous forms of such calls, and must not {@code join} them. An executor with
     * one thread per task, e.g. {@code Executors.newCachedThreadPool()}, and the machine's own threads have no such
     * bound.
     *
     * <p>An executor may run tasks directly ({@code Runnable::run}). They then run on the housekeeping thread, and
     * delay it. With {@linkplain #invokedHousekeeping invoked housekeeping}, its steps run them: steps run by the
     * embedder, by {@link Machine#awaitQuiescence}, by {@code join} and {@code get} of a {@link
     * dev.samara.core.mman.PendingCall}, and by a call that, before it starts, waits for the backlog of grace periods
     * to shrink. Calls that wait after they have started run no callback, except the notifiers of asynchronous
     * operations. So a callback may call a method that waits, as on one of the machine's threads. It must not wait for
     * another callback, nor for an embedder's lock that the thread running the steps holds. The same applies to a
     * notifier, which any waiting call may run.
     *
     * @param executor the executor; null for the machine's threads
     * @return this
     */
    public MachineBuilder executor(@Nullable Executor executor) {
        this.executor = executor;
        return this;
    }

    /**
     * Sets how the housekeeping thread idles while calls wait and none can continue. It is a daemon thread of the
     * machine that starts when there is something to wait for, and exits when there is not. Unless set, it parks for 1
     * microsecond to 1 millisecond.
     *
     * @param idle the strategy, used by one machine only; null for the default. One that throws is not called again
     * @return this
     */
    @Experimental
    public MachineBuilder housekeeping(@Nullable IdleStrategy idle) {
        this.idle = idle;
        return this;
    }

    /**
     * Leaves the housekeeping steps to the embedder, which runs them through {@link Machine#housekeeping}; no thread of
     * the machine runs them. A library call that waits for the housekeeping runs steps itself, on the waiting thread;
     * so do {@code join} and {@code get} of a {@link dev.samara.core.mman.PendingCall}, but not those of a dependent
     * stage. Once an operation or a fault has started, its waits run no embedder callbacks, except notifiers of
     * asynchronous operations; the next step outside such a wait hands the callbacks to the executor. Callbacks are
     * kept until then, and {@link #boundGracePeriods} does not count those whose grace period has ended: a program
     * whose calls never wait must run steps, or its backings are never closed.
     *
     * @param isInvoked whether the embedder runs the steps; false unless set
     * @return this
     */
    @Experimental
    public MachineBuilder invokedHousekeeping(boolean isInvoked) {
        this.isInvoked = isInvoked;
        return this;
    }

    /**
     * How the housekeeping thread idles between two steps. An Agrona idle strategy can be passed as {@code
     * strategy::idle}.
     */
    @FunctionalInterface
    @Experimental
    public interface IdleStrategy {
        /**
         * Pauses, unless there was work. Called by the housekeeping thread after each step. A call that starts to wait
         * during the pause unparks that thread. A strategy that throws is reported, and is not called again.
         *
         * @param workCount how many calls the last step handed over
         */
        void idle(int workCount);
    }

    /** Creates frame stores. */
    @FunctionalInterface
    @Experimental
    public interface StoreMaker {
        /**
         * Returns a new store without frames.
         *
         * @param pageShift binary logarithm of the size of a frame in bytes
         * @param frames the maximum number of frames
         * @return a new store
         */
        FrameStore make(int pageShift, int frames);
    }

    private static void checkPositive(long number, String name) {
        if (number <= 0) {
            throw new IllegalArgumentException(name + " " + number + " is not positive");
        }
    }

    private static Duration positive(Duration time) {
        if (time.isZero() || time.isNegative()) {
            throw new IllegalArgumentException("time " + time + " is not positive");
        }
        return time;
    }

    private static long saturatedNanos(Duration time) {
        return time.compareTo(Duration.ofNanos(Long.MAX_VALUE)) < 0 ? time.toNanos() : Long.MAX_VALUE;
    }

    private MachineMemory memory(MachineState host, int pageShift) {
        long most = Math.min(Math.max(1, memory >>> pageShift), Integer.MAX_VALUE - 2);
        long inPiece = Math.max(1, memoryPiece >>> pageShift);
        // The zero page, one frame more than requested, must not add another piece.
        int chunkShift = most <= inPiece
                ? Long.SIZE - Long.numberOfLeadingZeros(most)
                : Long.SIZE - 1 - Long.numberOfLeadingZeros(inPiece);
        StoreMaker maker = stores;
        FrameStore store = maker == null
                ? new DirectFrames(pageShift, chunkShift, (int) most + 1, true)
                : maker.make(pageShift, (int) most + 1);
        Rcu rcu = new Rcu(new Rcu.Settings(
                host.threads.tasks,
                host.threads.housekeeping,
                mostCallbacks,
                atBound,
                saturatedNanos(longGracePeriod),
                message -> host.report(Report.Kind.LONG_WAIT, message, null)));
        Frames frames = new Frames(
                store,
                pageShift,
                chunkShift,
                (int) most,
                poisonsFrames,
                (thrown, frame) -> host.threads.tasks.execute(() -> host.report(
                        Report.Kind.FRAME_QUARANTINED, "frame " + frame + " could not be poisoned", thrown)));
        DirtyPages dirtyPages = host.hostFiles.dirtyPages();
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
                host.indexBudget);
        if (cacheLimit != Long.MAX_VALUE) {
            made.views.limitFiles(cacheLimit);
        }
        if (forbidsZeroPage) {
            made.forbidZeroPage();
        }
        return made;
    }

    /**
     * Builds the machine.
     *
     * @return a new machine
     * @throws IllegalArgumentException if no frame store is set, the system has no regions for the memory, and the
     *     memory exceeds the JVM's limit of direct memory
     */
    public Machine build() {
        if (memory > Machine.directMemoryLimit() && stores == null && !DirectFrames.mayHaveRegions(memory)) {
            throw new IllegalArgumentException("memory " + memory + " is above " + Machine.directMemoryLimit()
                    + ", the JVM's limit of direct memory: -XX:MaxDirectMemorySize, or the maximum heap"
                    + " without it");
        }
        if (longestOffer != MachineMemory.UNCHECKED) {
            NoWaiting.use();
        }
        MachineState host = new MachineState(settings());
        configure(host.hostFiles);
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
        // Rounds up to a power of two.
        return Math.max(LEAST_USUAL_ENTRIES, Integer.highestOneBit(2 * (int) granules - 1));
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
        files.keepClosed(mostKeptFiles);
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
