// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.internal.vma.Attachable;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One virtual memory area: a range of addresses with one protection, one backing and one set of attributes.
 *
 * <p>A VMA is immutable except for its anonymous identity and its state, so a reader sees a consistent VMA for ever. It
 * may no longer be the current mapping of its space: every change makes new VMAs, and {@code AddressSpace.find} returns
 * the current one.
 *
 * <p>A VMA in a space belongs to that space only. A VMA that an embedder makes is the description of a mapping to be
 * loaded.
 */
@SuppressWarnings("exports") // deliberate: embedders cannot name the internal methods that change the state
public final class Vma extends Attachable {
    private static final VarHandle IDENTITY;

    static {
        try {
            IDENTITY = MethodHandles.lookup().findVarHandle(Vma.class, "anonIdentity", AnonVma.class);
        } catch (ReflectiveOperationException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    private final long start;
    private final long end;
    private final long flags;
    private final long pageOffset;
    private final @Nullable BackingTraits traits;
    private final @Nullable String name;

    /** Write-once. */
    @SuppressWarnings("UnusedVariable") // through IDENTITY
    private @Nullable AnonVma anonIdentity;

    /**
     * Makes a description of a mapping.
     *
     * @param start first address
     * @param end first address after the range, unsigned above {@code start}
     * @param flags bits of {@link VmaFlags}
     * @param pageOffset offset of {@code start} in the backing in pages; for private anonymous memory the page number
     *     of the address at which it was mapped
     * @param backing the backing; null for anonymous memory
     * @param name the displayed name of a mapping with a name of its own, such as {@code [vdso]} or {@code
     *     [anon:pool]}; null for others
     * @param anonIdentity its anonymous identity, or null if it has no private page yet
     */
    public Vma(
            long start,
            long end,
            long flags,
            long pageOffset,
            @Nullable Backing backing,
            @Nullable String name,
            @Nullable AnonVma anonIdentity) {
        this(start, end, flags, pageOffset, BackingTraits.of(backing), name, anonIdentity);
    }

    private Vma(
            long start,
            long end,
            long flags,
            long pageOffset,
            @Nullable BackingTraits traits,
            @Nullable String name,
            @Nullable AnonVma anonIdentity) {
        if (Long.compareUnsigned(start, end) >= 0) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "start 0x%x must lie below end 0x%x", start, end));
        }
        this.start = start;
        this.end = end;
        this.flags = flags;
        this.pageOffset = pageOffset;
        this.traits = traits;
        this.name = name;
        this.anonIdentity = anonIdentity;
    }

    /**
     * Makes a description of a mapping of a backing whose traits are known.
     *
     * @param start first address
     * @param end first address after the range, unsigned above {@code start}
     * @param flags bits of {@link VmaFlags}
     * @param pageOffset offset of {@code start} in the backing in pages
     * @param traits the traits of the backing; null for anonymous memory
     * @param name the displayed name of a mapping with a name of its own; null for others
     * @param anonIdentity its anonymous identity, or null if it has no private page yet
     * @return a description, attached to no space
     */
    public static Vma mapping(
            long start,
            long end,
            long flags,
            long pageOffset,
            @Nullable BackingTraits traits,
            @Nullable String name,
            @Nullable AnonVma anonIdentity) {
        return new Vma(start, end, flags, pageOffset, traits, name, anonIdentity);
    }

    /**
     * Returns the first address.
     *
     * @return a page boundary
     */
    public long start() {
        return start;
    }

    /**
     * Returns the first address after the range.
     *
     * @return a page boundary, unsigned above {@link #start()}
     */
    public long end() {
        return end;
    }

    /**
     * Returns the size.
     *
     * @return bytes
     */
    public long length() {
        return end - start;
    }

    /**
     * Returns the attributes.
     *
     * @return bits of {@link VmaFlags}
     */
    public long flags() {
        return flags;
    }

    /**
     * Returns whether all of some attributes are set.
     *
     * @param wanted bits of {@link VmaFlags}
     * @return true if all are set
     */
    public boolean has(long wanted) {
        return (flags & wanted) == wanted;
    }

    /**
     * Returns whether any of some attributes is set.
     *
     * @param wanted bits of {@link VmaFlags}
     * @return true if at least one is set
     */
    public boolean hasAny(long wanted) {
        return (flags & wanted) != 0;
    }

    /**
     * Returns the offset of {@link #start()} in the backing.
     *
     * @return pages, unsigned; see the constructor
     */
    public long pageOffset() {
        return pageOffset;
    }

    /**
     * Returns the backing.
     *
     * @return the backing, or null for anonymous memory
     */
    public @Nullable Backing backing() {
        return traits == null ? null : traits.backing();
    }

    /**
     * Returns the traits of the backing, which were read when it was mapped.
     *
     * @return the traits, or null for anonymous memory
     */
    public @Nullable BackingTraits traits() {
        return traits;
    }

    /**
     * Returns whether this is not a current mapping of a space. A description, which no space has mapped yet, is
     * detached too.
     *
     * @return true if it is detached; a VMA that has left its space stays detached for ever
     */
    public boolean isDetached() {
        return isDetachedVolatile();
    }

    /**
     * Returns the name of a mapping with a name of its own.
     *
     * @return the name, or null for an ordinary mapping
     */
    public @Nullable String name() {
        return name;
    }

    /**
     * Returns the anonymous identity, which is set when the VMA gets its first private page. It is one of the two
     * mutable words of a VMA.
     *
     * @return the identity, or null if it has no private page yet
     */
    public @Nullable AnonVma anonIdentity() {
        return (AnonVma) IDENTITY.getAcquire(this);
    }

    @Override
    protected final void adoptIdentity(Object identity) {
        IDENTITY.compareAndSet(this, null, (AnonVma) identity);
    }

    /**
     * Returns whether the kernel itself has mapped this for a purpose, such as {@code [vdso]}; such a mapping stays
     * whole.
     *
     * @return true if it has a name and an attribute of {@link VmaFlags#SPECIAL}
     */
    public boolean isSpecial() {
        return name != null && hasAny(VmaFlags.SPECIAL);
    }

    /**
     * Returns whether its pages have no file: it has no backing, or maps the zero device privately. A special mapping
     * is not anonymous.
     *
     * @return true if it is anonymous
     */
    public boolean isAnonymous() {
        return !isSpecial() && (traits == null || (traits.isZeroDevice() && !hasAny(VmaFlags.SHARED)));
    }

    /**
     * Returns whether an address lies in the range.
     *
     * @param address any address
     * @return true if {@code start <= address < end}, unsigned
     */
    public boolean contains(long address) {
        return Long.compareUnsigned(address - start, end - start) < 0;
    }

    /**
     * Returns whether another VMA has equal range, attributes, backing, offset and name. The anonymous identity is not
     * compared.
     *
     * @param other any VMA
     * @return true if these are equal
     */
    public boolean looksLike(Vma other) {
        return start == other.start
                && end == other.end
                && flags == other.flags
                && pageOffset == other.pageOffset
                && backing() == other.backing()
                && Objects.equals(name, other.name);
    }

    /**
     * Returns the range, rights, attributes and backing as text for people.
     *
     * @return one line, whose form may change
     */
    @Override
    public String toString() {
        String what = traits != null ? traits.backing().name() : name != null ? name : "anonymous";
        return String.format(Locale.ROOT, "%x-%x +%x %s [%s]", start, end, pageOffset, what, VmaFlags.format(flags));
    }
}
