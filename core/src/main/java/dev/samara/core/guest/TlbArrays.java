// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.tlb.SoftTlb;
import java.nio.MappedByteBuffer;

/**
 * The arrays of a CPU's TLB, for code that an embedder generates: such code performs an access that hits without a
 * method call. {@link FlatMemory#tlb} always returns the same object, so generated code may embed it as a constant.
 *
 * <p><b>An access.</b> The TLB translates granules of 4 KiB. Each granule of an address space has one slot in the
 * arrays, all of which have the same length, a power of two. An access hits if the tag in the slot of its first byte
 * equals the granule of its last byte, combined with the key in the low bits. The index of the first byte in the region
 * is then the sum of the address and the addend in the slot:
 *
 * <pre>{@code
 * int slot = (int) (address >>> TlbArrays.GRANULE_SHIFT) & tags.length - 1;
 * if (tags[slot] == ((address + size - 1 & TlbArrays.GRANULE_MASK) | key)) {
 *     value = region.getInt((int) (addends[slot] + address));
 * } else {
 *     value = memory.loadInt(address);
 * }
 * }</pre>
 *
 * <p>A load compares with {@link #loadTags}, and a store with {@link #storeTags}; both use {@link #addends}. A fetch
 * compares with {@link #fetchTags} and uses {@link #fetchAddends}. By this comparison, an access across the end of a
 * granule always misses. An atomic or ordered access must also check that its address is a multiple of its size. It
 * uses a {@linkplain java.lang.invoke.MethodHandles#byteBufferViewVarHandle view} of the region.
 *
 * <p>For an access that misses, code calls a method of {@link FlatMemory} or {@link GuestMemory}. A miss does not mean
 * that the page is not present. The low bits of an address take no part in the comparison with a tag, because the low
 * bits of a tag contain the number of a space.
 *
 * <p><b>How long the values are valid.</b> Each kind of value stays valid for a different time:
 *
 * <ul>
 *   <li>The <em>arrays and the region</em> stay the same while the CPU uses spaces of one machine and one page size. A
 *       class that is generated for one CPU may embed them as constants. After {@link dev.samara.core.Cpu#switchTo} to
 *       the CPU's first space, or to a space with another machine or page size, code must read them again.
 *   <li>The <em>key</em> changes whenever the CPU leaves GUEST, goes to another space, or drops all its translations.
 *       When the CPU is in GUEST again, the key may be the same as before, although translations were dropped in the
 *       meantime. So an unchanged key does not mean that a translation is still valid.
 *   <li>A <em>translation</em>, i.e. a tag that matched and the addend in its slot, is valid for its granule until the
 *       CPU acknowledges changes by other threads, leaves GUEST, or changes memory itself.
 * </ul>
 *
 * <p>So code that runs in GUEST may keep the key and translations in local variables until it calls a method of the
 * CPU, of {@link FlatMemory} or of {@link GuestMemory}. It may also keep them across a {@link FlatMemory#poll} that
 * returns false. After every other call, including an access that missed, it must drop them, because the call may have
 * left GUEST, or gone to another space. A translation that is kept longer may lead to memory that the CPU no longer
 * uses. If code follows these rules, it performs no access that a call of another thread forbids, after the poll that
 * lets this call return. Code must poll in each loop, after at most some hundred iterations, because other threads wait
 * for the poll.
 *
 * <p>A CPU that no thread can reach is taken offline, even in GUEST. So code that read the arrays must keep the {@code
 * FlatMemory} reachable until its last access is complete, by a later call on the CPU, such as {@code leaveGuest}, or
 * by a {@link java.lang.ref.Reference#reachabilityFence}.
 *
 * <p><b>What never matches.</b> On a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine no tag
 * matches, so each access is checked. No store tag matches for a page that is {@linkplain
 * dev.samara.core.AddressSpace#watch watched}, so each store is reported. No tag matches for a page that is {@linkplain
 * dev.samara.core.AddressSpace#watchReads watched for reads}. No store tag matches for a page that may be written but
 * not {@linkplain dev.samara.core.vma.ProtectionMap read}. Outside GUEST no tag matches, because no tag contains the
 * key. No tag matches for frames outside the first region, nor with pages smaller than 4 KiB.
 *
 * <p>Only the owner of the CPU may use the arrays, and no code may write to them. Nothing checks these rules.
 */
@Experimental
public final class TlbArrays {
    /** The binary logarithm of the size of a granule in bytes. */
    public static final int GRANULE_SHIFT = SoftTlb.GRANULE_SHIFT;

    /** The bits of an address that identify its granule. */
    public static final long GRANULE_MASK = -1L << GRANULE_SHIFT;

    private final FlatMemory memory;

    TlbArrays(FlatMemory memory) {
        this.memory = memory;
    }

    /**
     * Returns the tags for loads.
     *
     * @return the tags by slot
     */
    public long[] loadTags() {
        return memory.loadTags;
    }

    /**
     * Returns the tags for stores and atomic updates.
     *
     * @return the tags by slot
     */
    public long[] storeTags() {
        return memory.storeTags;
    }

    /**
     * Returns the addends for loads and stores.
     *
     * @return the addends by slot
     */
    public long[] addends() {
        return memory.addends;
    }

    /**
     * Returns the tags for fetches of instructions.
     *
     * @return the tags by slot
     */
    public long[] fetchTags() {
        return memory.fetchTags;
    }

    /**
     * Returns the addends for fetches of instructions.
     *
     * @return the addends by slot
     */
    public long[] fetchAddends() {
        return memory.fetchAddends;
    }

    /**
     * Returns the first region of the machine: the bytes of all frames whose tags may match. Its byte order is that of
     * the {@link FlatMemory}. Code may use only its methods that take an index.
     *
     * @return the region; empty if no tag ever matches
     */
    public MappedByteBuffer region() {
        return memory.region;
    }

    /**
     * Returns the low bits of the tags that match now.
     *
     * @return the key, less than the size of a granule
     */
    public long key() {
        return memory.key;
    }

    @Override
    public String toString() {
        return "TLB of the " + memory.memory();
    }
}
