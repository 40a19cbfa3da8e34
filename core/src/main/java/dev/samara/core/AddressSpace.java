// SPDX-License-Identifier: Apache-2.0
package dev.samara.core;

import dev.samara.core.event.LayoutListener;
import dev.samara.core.event.MmuNotifier;
import dev.samara.core.event.PageSink;
import dev.samara.core.event.WriteListener;
import dev.samara.core.internal.page.Pte;
import dev.samara.core.internal.space.Layout;
import dev.samara.core.internal.syscall.Mincore;
import dev.samara.core.internal.syscall.PagemapScan;
import dev.samara.core.internal.vma.Life;
import dev.samara.core.mman.Advice;
import dev.samara.core.mman.Errno;
import dev.samara.core.mman.LockFlags;
import dev.samara.core.mman.MapFlags;
import dev.samara.core.mman.MmException;
import dev.samara.core.mman.Protection;
import dev.samara.core.mman.RemapFlags;
import dev.samara.core.mman.Resolution;
import dev.samara.core.mman.Resource;
import dev.samara.core.mman.ShmFlags;
import dev.samara.core.mman.SyncFlags;
import dev.samara.core.vma.Backing;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.SharedSegment;
import dev.samara.core.vma.Vma;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import org.jspecify.annotations.Nullable;

/**
 * A concurrent address space: which memory is mapped where, and the calls that change it.
 *
 * <p>{@link #find}, {@link #keep} and {@link #snapshot} may be called at any time from any thread; they take no lock
 * and never wait. The calls may also come from any thread and run side by side: before a call changes anything, it
 * waits for those that are in transit in a range that it names. Each takes effect at one instant; what {@code munmap}
 * takes away is gone for look-ups at that instant, and can be allocated again once it has returned. A call that takes
 * pages or rights away returns, or completes its future, when no CPU can use them any more: it waits for CPUs in GUEST
 * until they poll, and for accesses under way. The package description tells what else is waited for.
 *
 * <p>A call that has to wait while its thread is interrupted returns {@code EINTR}, with nothing changed and the flag
 * still set. One that has to wait, and comes from a notifier of an operation in transit, throws {@link
 * IllegalStateException} instead, with nothing changed.
 *
 * <p>A call that takes pages or rights away takes first what it needs to do so: {@code EAGAIN} says that as many calls
 * are doing that as can, {@code ENOMEM} that heap or stack are used up; nothing has changed then. If something fails
 * after that, the range stays as it is for other calls, in transit; that is reported ({@link
 * dev.samara.core.event.Report.Kind#RETIREMENT_FAILED}) and tried again until it succeeds, and the call, or its future,
 * ends only then. {@link #close} is never refused.
 *
 * <p>Each call behaves as on Linux 6.18 (x86-64): it returns an address, a count or 0, or a negated {@link Errno}; the
 * tests are made in the kernel's order. Unless a call says otherwise, one that fails changes nothing, except that a
 * mapping may stay cut in two at an edge of the range. Lengths and addresses are bytes, unsigned, and a length is
 * rounded up to whole pages. No call throws for bad numbers; {@link #throwing} has the form that throws.
 *
 * <p>After its machine was {@linkplain Machine#close closed} nothing can be mapped here any more: calls that could
 * change the layout throw {@link IllegalStateException}, and look-ups find nothing.
 */
public final class AddressSpace implements AutoCloseable {
    private final Machine machine;
    private final Layout layout;

    AddressSpace(Machine machine, Layout layout) {
        this.machine = machine;
        this.layout = layout;
    }

    Layout layout() {
        return layout;
    }

    /**
     * The machine it belongs to.
     *
     * @return the machine
     */
    public Machine machine() {
        return machine;
    }

    /**
     * Sizes and bounds.
     *
     * @return the geometry
     */
    public Geometry geometry() {
        return layout.geometry();
    }

    /**
     * The VMA that covers an address. Lock-free; allocates nothing.
     *
     * @param address any address
     * @return what was mapped there at some instant of this call, or null for nothing
     */
    public @Nullable Vma find(long address) {
        return layout.find(address);
    }

    /**
     * The VMA that covers an address, with a keep of it: until that is released, its backing stays open. Lock-free;
     * never waits. The range may be unmapped meanwhile, and nobody waits for the keep.
     *
     * @param address any address
     * @return the keep, to be released once, or null if nothing is mapped there
     * @throws IllegalStateException if there are as many keeps of that VMA as can be counted, 2<sup>30</sup> - 2
     */
    public @Nullable VmaRef keep(long address) {
        Vma vma = layout.keep(address);
        if (vma == null) {
            return null;
        }
        try {
            return new VmaRef(vma, machine.keepLog());
        } catch (Throwable thrown) {
            // The log names the VMA, and so asks its backing.
            Life.release(vma);
            throw thrown;
        }
    }

    /**
     * Tells what an access would meet: the first steps of a page fault. Where a mapping has just been put in the place
     * of another, or moved there, it waits until that operation is complete; a stack grows, and waits if it would grow
     * into what is in transit. It waits for nothing else, and takes no lock but below a stack.
     *
     * @param address any address
     * @param access bits of {@link Protection}; what can be written or executed can be read, as on x86
     * @return what became of it; RETRY if the thread was interrupted while it waited, its flag is set then
     * @throws IllegalStateException if it would have to wait, and is called by what retires an operation in transit,
     *     while a CPU of the thread is in GUEST, or by a backing in {@code rcuMapPages}; so does a stack that would
     *     have to grow
     */
    public Resolution resolve(long address, int access) {
        return layout.resolve(address, access);
    }

    /**
     * The layout of one instant of this call. Lock-free, O(1).
     *
     * @return an immutable view that costs nothing once dropped
     */
    public LayoutSnapshot snapshot() {
        long brk = layout.brk();
        return new LayoutSnapshot(
                layout.geometry(), layout.snapshot(), layout.above(), layout.heapStart(), brk, layout.stackStart());
    }

    /**
     * The same calls for who prefers exceptions.
     *
     * @return a view of this space
     */
    public ThrowingCalls throwing() {
        return new ThrowingCalls(this);
    }

    /**
     * What is counted against the limits. Waits for calls in progress.
     *
     * @return the numbers of one instant
     */
    public Usage usage() {
        long[] counts = layout.usage();
        return new Usage(counts[0], counts[1], counts[2], counts[3], counts[4], counts[5], counts[6]);
    }

    /**
     * Sets a soft limit ({@code setrlimit}); what exceeds it already stays.
     *
     * @param resource which limit
     * @param bytes the limit, unsigned; -1 for none
     */
    public void setLimit(Resource resource, long bytes) {
        layout.setLimit(resource, bytes);
    }

    /**
     * Maps memory ({@code mmap(2)}).
     *
     * <p>Errors, in this order: EINVAL {@code offset} is not a page boundary; EBADF no backing without ANONYMOUS;
     * EINVAL a huge page size that does not exist, or {@code length} 0; ENOMEM the length rounds to 0, or too many
     * mappings, or no room; with FIXED, ENOMEM beyond the limit of the space, EINVAL not a page boundary; EPERM below
     * what may be mapped; EEXIST FIXED_NOREPLACE over something; EPERM or EAGAIN locked memory is not allowed or over
     * its limit; EOVERFLOW beyond what the file can hold; EOPNOTSUPP SHARED_VALIDATE with an unknown flag; EACCES,
     * ETXTBSY, EPERM, ENODEV the file does not allow it; EINVAL no such type; EPERM something sealed is below; ENOMEM a
     * limit, or no memory can be promised. A later failure may leave an edge of what is below cut.
     *
     * @param address where it is wanted; exactly there with FIXED, else a hint, 0 for anywhere
     * @param length bytes
     * @param protection bits of {@link Protection}
     * @param flags bits of {@link MapFlags}
     * @param backing what to map; ignored with ANONYMOUS, null stands for a bad descriptor
     * @param offset byte offset in the backing, a multiple of the page size
     * @return the address, or a negated errno
     * @throws IllegalStateException if a CPU of the calling thread is in GUEST, or if it is called within {@code
     *     rcuMapPages}; the backing is not called then
     */
    public long mmap(long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        return layout.mmap(address, length, protection, flags, backing, offset);
    }

    /**
     * Unmaps a range ({@code munmap(2)}); holes in it are fine.
     *
     * <p>Errors: EINVAL not a page boundary, beyond the limit of the space, or length 0; ENOMEM a hole in one mapping
     * would make too many; EPERM something in it is sealed (nothing is unmapped).
     *
     * @param address a page boundary
     * @param length bytes
     * @return 0, or a negated errno
     */
    public long munmap(long address, long length) {
        return layout.munmap(address, length);
    }

    /**
     * Unmaps a range as {@link #munmap} does, but returns as soon as look-ups find nothing there. The range is not
     * allocated again before the future is complete. Until then this call does what {@code munmap} does, on the calling
     * thread: it may wait for what is in transit, and ask backings, whose exceptions go to its caller. This holds for
     * all asynchronous forms. What depends on the future runs on a thread of the machine, or on one that waits for the
     * future.
     *
     * @param address a page boundary
     * @param length bytes
     * @return completed with what {@code munmap} would return, by a thread of the machine once everything is done; at
     *     once, if there is nothing to do
     */
    public CompletableFuture<Long> munmapAsync(long address, long length) {
        return layout.munmapAsync(address, length);
    }

    /**
     * Maps memory as {@link #mmap} does, but returns as soon as look-ups find it. Where it replaces something, {@link
     * #resolve} waits until the future is complete.
     *
     * @param address as for {@code mmap}
     * @param length bytes
     * @param protection bits of {@link Protection}
     * @param flags bits of {@link MapFlags}
     * @param backing what to map; ignored with ANONYMOUS, null stands for a bad descriptor
     * @param offset byte offset in the backing, a multiple of the page size
     * @return completed with what {@code mmap} would return, by a thread of the machine once everything is done; at
     *     once, if nothing is replaced or reused early
     */
    public CompletableFuture<Long> mmapAsync(
            long address, long length, int protection, int flags, @Nullable Backing backing, long offset) {
        return layout.mmapAsync(address, length, protection, flags, backing, offset);
    }

    /**
     * Resizes or moves mappings as {@link #mremap} does, but returns as soon as look-ups find them at their new place.
     *
     * @param address a page boundary
     * @param oldLength bytes
     * @param newLength bytes
     * @param flags bits of {@link RemapFlags}
     * @param newAddress as for {@code mremap}
     * @return completed with what {@code mremap} would return, by a thread of the machine once everything is done; at
     *     once, if there is nothing to do
     */
    public CompletableFuture<Long> mremapAsync(
            long address, long oldLength, long newLength, int flags, long newAddress) {
        return layout.mremapAsync(address, oldLength, newLength, flags, newAddress);
    }

    /**
     * Changes rights ({@code mprotect(2)}), mapping by mapping: after an error those before it stay changed.
     *
     * <p>Errors: EINVAL both GROWS bits, not a page boundary, or unknown bits; ENOMEM the range wraps, has a hole,
     * makes too many mappings, or a limit; EINVAL a GROWS bit on a mapping that does not grow so; EACCES the mapping
     * may not be given the right; EPERM it is sealed.
     *
     * @param address a page boundary
     * @param length bytes; 0 succeeds
     * @param protection bits of {@link Protection}
     * @return 0, or a negated errno
     */
    public long mprotect(long address, long length, int protection) {
        return layout.mprotect(address, length, protection);
    }

    /**
     * Resizes or moves mappings ({@code mremap(2)}).
     *
     * <p>Errors: EINVAL bad flags, address, lengths or overlap; ENOMEM too many mappings; EFAULT nothing at the
     * address, or the range leaves its mapping; EPERM sealed; EINVAL length 0 of a private mapping; EAGAIN locked over
     * the limit; ENOMEM a limit, or no room. With FIXED the target is unmapped first and stays so after a later
     * failure; with equal lengths several mappings are moved one by one, and after an error the earlier ones have
     * moved.
     *
     * @param address a page boundary
     * @param oldLength bytes; 0 makes a second mapping of shared memory
     * @param newLength bytes
     * @param flags bits of {@link RemapFlags}
     * @param newAddress the new place, with FIXED; a hint, with DONTUNMAP alone; else ignored
     * @return the address of the mapping now, or a negated errno
     */
    public long mremap(long address, long oldLength, long newLength, int flags, long newAddress) {
        return layout.mremap(address, oldLength, newLength, flags, newAddress);
    }

    /**
     * Moves the end of the heap ({@code brk}, the system call).
     *
     * @param address where it should end; 0 is below every heap, and so only asks
     * @return where it ends now: {@code address}, or after any failure what it was
     */
    public long brk(long address) {
        return layout.brk(address);
    }

    /**
     * Gives advice ({@code madvise(2)}), mapping by mapping: a hole is reported at the end (ENOMEM), any other error
     * stops, and the mappings before it stay changed. The effect on pages is not part of the layout.
     *
     * <p>Errors: EINVAL unknown advice, not a page boundary, the range wraps, or the advice does not fit the mapping;
     * EPERM it would discard what is sealed; EACCES REMOVE of what cannot be written; EAGAIN too many mappings.
     *
     * @param address a page boundary
     * @param length bytes; 0 succeeds
     * @param advice a value of {@link Advice}
     * @return 0, or a negated errno
     */
    public long madvise(long address, long length, int advice) {
        return layout.madvise(address, length, advice);
    }

    /**
     * Locks memory ({@code mlock(2)}): {@link #mlock2} without flags.
     *
     * @param address any address; the range begins with its page
     * @param length bytes
     * @return 0, or a negated errno
     */
    public long mlock(long address, long length) {
        return layout.mlock2(address, length, 0);
    }

    /**
     * Locks memory ({@code mlock2(2)}), mapping by mapping: after an error those before it stay locked.
     *
     * <p>Errors: EINVAL bad flags, or the range wraps; EPERM not allowed at all; ENOMEM over the limit, a hole, too
     * many mappings, or memory that cannot be accessed (which stays locked).
     *
     * @param address any address; the range begins with its page
     * @param length bytes; what rounds to 0 succeeds
     * @param flags 0 or {@link LockFlags#ONFAULT}
     * @return 0, or a negated errno
     */
    public long mlock2(long address, long length, int flags) {
        return layout.mlock2(address, length, flags);
    }

    /**
     * Unlocks memory ({@code munlock(2)}), mapping by mapping: after an error those before it stay unlocked.
     *
     * <p>Errors: EINVAL the range wraps; ENOMEM a hole, or too many mappings.
     *
     * @param address any address; the range begins with its page
     * @param length bytes
     * @return 0, or a negated errno
     */
    public long munlock(long address, long length) {
        return layout.munlock(address, length);
    }

    /**
     * Locks everything, now or in future ({@code mlockall(2)}).
     *
     * <p>Errors: EINVAL bad flags; EPERM not allowed at all; ENOMEM over the limit.
     *
     * @param flags {@link LockFlags#CURRENT}, {@link LockFlags#FUTURE}, {@link LockFlags#ALL_ONFAULT}
     * @return 0, or a negated errno
     */
    public long mlockall(int flags) {
        return layout.mlockall(flags);
    }

    /**
     * Unlocks everything, in future too ({@code munlockall(2)}).
     *
     * @return 0
     */
    public long munlockall() {
        return layout.munlockall();
    }

    /**
     * Checks a range for writing back ({@code msync(2)}); nothing is written in this version.
     *
     * <p>Errors: EINVAL bad flags or not a page boundary; ENOMEM the range wraps or has a hole; EBUSY INVALIDATE of
     * locked memory.
     *
     * @param address a page boundary
     * @param length bytes
     * @param flags bits of {@link SyncFlags}
     * @return 0, or a negated errno
     */
    public long msync(long address, long length, int flags) {
        return layout.msync(address, length, flags);
    }

    /**
     * Seals mappings against change ({@code mseal(2)}), for ever.
     *
     * <p>Errors: EINVAL flags, not a page boundary, or the range wraps; ENOMEM it has a hole (nothing is sealed), or
     * too many mappings (those before it are sealed).
     *
     * @param address a page boundary
     * @param length bytes; 0 succeeds
     * @param flags must be 0
     * @return 0, or a negated errno
     */
    public long mseal(long address, long length, long flags) {
        return layout.mseal(address, length, flags);
    }

    /**
     * Attaches shared memory ({@code shmat(2)}).
     *
     * <p>Errors: EINVAL no segment, a bad address, something is there already, or REMAP of nowhere; then those of
     * {@link #mmap}.
     *
     * @param segment what to attach; null stands for an identifier that does not exist
     * @param address where, or 0 for anywhere
     * @param flags bits of {@link ShmFlags}
     * @return the address, or a negated errno
     */
    public long shmat(@Nullable SharedSegment segment, long address, int flags) {
        return layout.shmat(segment, address, flags);
    }

    /**
     * Detaches shared memory ({@code shmdt(2)}): every piece that is left of the attachment.
     *
     * <p>Errors: EINVAL not a page boundary, or nothing attached there.
     *
     * @param address where it was attached
     * @return 0, or a negated errno
     */
    public long shmdt(long address) {
        return layout.shmdt(address);
    }

    /**
     * Grows a stack down, as a touch below it does.
     *
     * <p>Errors: EFAULT the mapping above is no stack, or there is none; EPERM below what may be mapped; ENOMEM within
     * the guard gap of what lies below, or a limit.
     *
     * @param address the address touched
     * @return 0 if a mapping covers it now, or a negated errno
     */
    public long growStack(long address) {
        return layout.growStack(address);
    }

    /**
     * How many CPUs have it loaded ({@code mm_users} of those that run in it). LAZY ones are not counted.
     *
     * @return the number at some instant of this call
     * @throws IllegalStateException if the machine was built without memory
     */
    public int users() {
        return layout.pages().context().users();
    }

    /**
     * What the page tables would take on the simulated machine ({@code VmPTE}). Takes no lock.
     *
     * @return bytes, a multiple of the page size; the topmost table counts as one page
     * @throws IllegalStateException if the machine was built without memory
     */
    public long pageTableBytes() {
        return layout.pages().bytes();
    }

    /**
     * Tells which pages are in memory ({@code mincore}): private pages that there are, and those of a file that its
     * page cache has. Takes no lock and never waits; each page is looked at for itself.
     *
     * @param address a page boundary (EINVAL)
     * @param length bytes; the range must not reach beyond the limit of the space (ENOMEM)
     * @param vector takes 1 for each page that is in memory and 0 for each that is not; one that is too short is EFAULT
     * @return 0, or a negated errno: ENOMEM also for a hole, and then what lies before it has been looked at
     * @throws IllegalStateException if the machine was built without memory
     */
    public long mincore(long address, long length, byte[] vector) {
        return Mincore.mincore(layout, address, length, Objects.requireNonNull(vector, "vector"));
    }

    /**
     * Tells which pages were written since this was called last for them, and begins anew ({@code PAGEMAP_SCAN} with
     * {@code PM_SCAN_WP_MATCHING}, KVM's dirty log). Every store that a CPU has completed is told of by this or by a
     * later collection: those completed before this call by this one, or by an earlier one that was under way with it.
     * Once the sink is told of a page, the stores that this telling stands for have been made, so who copies the page
     * then has them; once the call has returned, each further store is told of by the next collection.
     *
     * <p>What counts as written belongs to the page at its address. A page that {@code mremap} has moved counts as
     * written where it is now, told of or not. One that is copied on write counts as written. A child begins with what
     * its parent's pages count as. What is unmapped, discarded, truncated, or removed from its {@link
     * dev.samara.core.vma.PageCache} is told of no more, and that it has gone is not told here: {@link #addListener}
     * and {@link #addNotifier} tell that. A page may count as written although it was only prepared for that ({@code
     * handleFault}, {@code pin}, {@code MAP_POPULATE}, {@code mlock}). Writes through a pin after a collection, by
     * files ({@code pwrite}) and through other mappings of the same page are not told.
     *
     * <p>The sink is called on this thread, in ascending order, with no lock held. If it throws, this throws the same,
     * and the page at which it threw, and those after it, count as written again. Waits for CPUs in GUEST that have
     * translations of what is cleared, and for pages that are being copied, as operations do; it is no operation, and
     * nobody waits for it. Two collections at once share what they find: each page is told by one of them.
     *
     * <p>Errors, as {@code PAGEMAP_SCAN} has them: EINVAL not a page boundary; EFAULT the range reaches beyond the
     * limit of the space. Holes are passed over.
     *
     * @param start a page boundary
     * @param length bytes
     * @param sink who is told
     * @return how many pages it was told of, or a negated errno
     * @throws IllegalStateException if the machine was built without memory, or a CPU of the thread is in GUEST
     */
    public long collectDirty(long start, long length, PageSink sink) {
        return PagemapScan.collect(layout, start, length, Pte.DIRTY, Objects.requireNonNull(sink, "sink"));
    }

    /**
     * Tells which pages were used, and begins anew: as {@link #collectDirty} tells which were written, with the same
     * promises. Unlike the aging of pages on Linux, which clears the mark and goes on, this flushes: an access after
     * this is seen by the next collection even if the translation was in a TLB.
     *
     * @param start a page boundary
     * @param length bytes
     * @param sink who is told
     * @return how many pages it was told of, or a negated errno
     * @throws IllegalStateException if the machine was built without memory, or a CPU of the thread is in GUEST
     */
    public long collectAccessed(long start, long length, PageSink sink) {
        return PagemapScan.collect(layout, start, length, Pte.ACCESSED, Objects.requireNonNull(sink, "sink"));
    }

    /**
     * Copies the layout of one instant ({@code fork(2)}): without what is marked DONTFORK, and with nothing locked. The
     * child has the parent's limits and privileges.
     *
     * @return the child
     * @throws MmException with ENOMEM if the commit limit does not allow the copy, with EAGAIN if as many calls work on
     *     pages as the machine has workers for, or as a backing refuses
     */
    public AddressSpace fork() {
        machine.host().spaces().checkOpen();
        return machine.register(layout.fork());
    }

    /**
     * Unmaps everything, sealed or not, as the end of a process does, and gives back what it was charged for. The space
     * is empty then and may be used again. A CPU that has it loaded keeps it so, and finds nothing there; one that is
     * {@linkplain Cpu#enterLazy LAZY} in it is taken off. If no CPU has it loaded, none is asked to flush anything.
     */
    @Override
    public void close() {
        layout.close();
    }

    /**
     * Has a listener told of each change to the layout from now on.
     *
     * @param listener whom
     */
    public void addListener(LayoutListener listener) {
        layout.addListener(Objects.requireNonNull(listener, "listener"));
    }

    /**
     * Has a listener told of no change that is published after this; one that was before may still be delivered.
     *
     * @param listener whom; nothing happens if it was not added
     */
    public void removeListener(LayoutListener listener) {
        layout.removeListener(listener);
    }

    /**
     * Has a notifier told, while it is in transit, of what each operation takes away that begins from now on. A fork
     * does not inherit it.
     *
     * @param notifier whom
     */
    public void addNotifier(MmuNotifier notifier) {
        layout.addNotifier(Objects.requireNonNull(notifier, "notifier"));
    }

    /**
     * Has a notifier told of no operation that begins after this; of those in transit it may still be told.
     *
     * @param notifier whom; nothing happens if it was not added
     */
    public void removeNotifier(MmuNotifier notifier) {
        layout.removeNotifier(notifier);
    }

    /**
     * Watches bytes for writes: once this has returned, each store, atomic update, copy or filling by any CPU that
     * writes one of them is told. Stores into other bytes of their pages are not told, and slower: they find nothing in
     * a TLB. Nothing else costs more. Ranges may overlap; the listener of the lowest is told first.
     *
     * <p>Addresses are watched, not what is mapped there: it may be unmapped and mapped anew. A child is not watched.
     * Not told are writes by files ({@code pwrite}), through other mappings of the same page or through pins, and what
     * happens to bytes as they are mapped, discarded or moved.
     *
     * @param start of the first byte
     * @param length bytes, at least 1
     * @param listener who is told
     * @return what ends it
     * @throws IllegalArgumentException if the range is empty, or reaches beyond the limit of the space
     * @throws IllegalStateException if the machine was built without memory, or a CPU of the thread is in GUEST
     */
    public Watchpoint watch(long start, long length, WriteListener listener) {
        return Watchpoint.begin(layout, start, length, Objects.requireNonNull(listener, "listener"));
    }

    /**
     * How long the lock of this space was held so far, that all calls which change it take for a moment; as this does.
     *
     * @return a histogram
     */
    public HoldTimes holdTimes() {
        return new HoldTimes(layout.holdTimes());
    }

    /**
     * Checks every invariant of the layout; for tests.
     *
     * @throws AssertionError if one is broken, saying which and where
     */
    public void validate() {
        layout.validate();
    }
}
