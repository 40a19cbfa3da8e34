// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.guest;

import dev.samara.core.annotation.Experimental;
import dev.samara.core.internal.tlb.SoftTlb;
import java.nio.MappedByteBuffer;

/**
 * The arrays of the TLB of a CPU, for code that an embedder generates: such code makes an access that hits without a
 * call. {@link FlatMemory#tlb} returns the same object at each call, so generated code may have it as a constant.
 *
 * <p><b>An access.</b> The TLB translates granules of 4 KiB. Each granule of an address space has one slot in the
 * arrays, which have one length, a power of two. An access hits if the tag in the slot of its first byte is the granule
 * of its last byte with the key in its low bits. The addend in the slot plus the address is then the index of the first
 * byte in the region:
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
 * <p>A load compares with {@link #loadTags}, and a store with {@link #storeTags}; both have {@link #addends}. A fetch
 * compares with {@link #fetchTags} and has {@link #fetchAddends}. An access across the end of a granule misses by this
 * comparison. An atomic or ordered access also has to test that its address is a multiple of its size. It uses a
 * {@linkplain java.lang.invoke.MethodHandles#byteBufferViewVarHandle view} of the region.
 *
 * <p>An access that misses is made by a method of {@link FlatMemory} or {@link GuestMemory}. A miss says nothing about
 * the page: it may be present. Low bits of an address are never a part of the comparison with a tag, since tags have
 * the number of a space there.
 *
 * <p><b>How long that holds.</b> Each thing has an event that ends it:
 *
 * <ul>
 *   <li>The <em>arrays and the region</em> stay while the CPU serves spaces of one machine and one page size. A class
 *       that is generated for one CPU may have them as constants. After {@link dev.samara.core.Cpu#switchTo} to the
 *       first space, or to one of another machine or page size, code reads them again.
 *   <li>The <em>key</em> changes whenever the CPU leaves GUEST, goes to another space, or drops all its translations.
 *       In GUEST again it may be the key of before, although translations were dropped meanwhile: an equal key says
 *       nothing of a translation.
 *   <li>A <em>translation</em>, which is a tag that has matched and the addend of its slot, holds for its granule
 *       until the CPU acknowledges changes of other threads, leaves GUEST, or changes memory itself.
 * </ul>
 *
 * <p>So code that runs in GUEST may keep the key and translations in local variables until it calls a method of the
 * CPU, of {@link FlatMemory} or of {@link GuestMemory}. It may keep them after a {@link FlatMemory#poll} that returns
 * false. After all other calls, an access that has missed among them, it has to drop what it keeps: the call may have
 * left GUEST, or gone to another space. What was kept longer finds memory that the CPU has given up. Code that follows
 * these rules makes no access that a call of another thread has ruled out, after the poll that lets the call return.
 * It polls in each loop, after some hundred passes at most: other threads wait for that.
 *
 * <p>A CPU that no thread can reach any more is taken offline, also in GUEST. So code that has read the arrays keeps
 * the {@code FlatMemory} reachable until its last access is made. A later call of the CPU does so, such as {@code
 * leaveGuest}, and otherwise a {@link java.lang.ref.Reference#reachabilityFence}.
 *
 * <p><b>What never matches.</b> On a {@linkplain dev.samara.core.MachineBuilder#checked checked} machine no tag
 * matches, so each access is checked. No store tag matches for a page that is {@linkplain
 * dev.samara.core.AddressSpace#watch watched}, so each store is reported. No tag matches for a page that is {@linkplain
 * dev.samara.core.AddressSpace#watchReads watched for reads}. No store tag matches for a page that may be written and
 * not {@linkplain dev.samara.core.vma.ProtectionMap read}. Outside GUEST no tag matches, since no tag has the key.
 * Frames outside the first region, and pages of less than 4 KiB, never match.
 *
 * <p>Only the owner of the CPU may use the arrays, and nobody may write into them. Nothing checks that.
 */
@Experimental
public final class TlbArrays {
    /** The binary logarithm of the size of a granule in bytes. */
    public static final int GRANULE_SHIFT = SoftTlb.GRANULE_SHIFT;

    /** The bits of an address that name its granule. */
    public static final long GRANULE_MASK = -1L << GRANULE_SHIFT;

    private final FlatAccess memory;

    TlbArrays(FlatAccess memory) {
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
     * Returns the first region of the machine: the bytes of all frames whose tags may match. Its order is that of the
     * {@link FlatMemory}. Code uses its methods with an index only.
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
