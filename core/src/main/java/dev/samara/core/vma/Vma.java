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
 * <p>Immutable but for its identity, so a reader that holds one sees a consistent whole for ever. Whether it is still
 * what the space maps there is another question: every change makes new VMAs, and {@code AddressSpace.find} says which
 * one is current.
 *
 * <p>A VMA in a space belongs to that space only. One that an embedder makes describes a mapping, to be loaded.
 */
@SuppressWarnings("exports") // on purpose: nobody outside can name what moves an attached VMA's state
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
     * Describes a mapping.
     *
     * @param start first address
     * @param end address behind the last, unsigned above {@code start}
     * @param flags bits of {@link VmaFlags}
     * @param pageOffset offset of {@code start} in the backing in pages; for private anonymous memory the page number
     *     of the address where it was mapped
     * @param backing what stands behind it; null for anonymous memory
     * @param name what to show for a mapping with a name of its own, such as {@code [vdso]} or {@code [anon:pool]};
     *     null for others
     * @param anonIdentity its anonymous-memory identity, or null if it has no page of its own yet
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
     * Describes a mapping of a backing whose answers are known.
     *
     * @param start first address
     * @param end address behind the last, unsigned above {@code start}
     * @param flags bits of {@link VmaFlags}
     * @param pageOffset offset of {@code start} in the backing in pages
     * @param traits what stands behind it; null for anonymous memory
     * @param name what to show for a mapping with a name of its own; null for others
     * @param anonIdentity its anonymous-memory identity, or null if it has no page of its own yet
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
     * The first address.
     *
     * @return a page boundary
     */
    public long start() {
        return start;
    }

    /**
     * The address behind the last.
     *
     * @return a page boundary, unsigned above {@link #start()}
     */
    public long end() {
        return end;
    }

    /**
     * The size.
     *
     * @return bytes
     */
    public long length() {
        return end - start;
    }

    /**
     * The attributes.
     *
     * @return bits of {@link VmaFlags}
     */
    public long flags() {
        return flags;
    }

    /**
     * Whether all of some attributes are set.
     *
     * @param wanted bits of {@link VmaFlags}
     * @return true if all are set
     */
    public boolean has(long wanted) {
        return (flags & wanted) == wanted;
    }

    /**
     * Whether any of some attributes is set.
     *
     * @param wanted bits of {@link VmaFlags}
     * @return true if at least one is set
     */
    public boolean hasAny(long wanted) {
        return (flags & wanted) != 0;
    }

    /**
     * The offset of {@link #start()}.
     *
     * @return pages, unsigned; see the constructor
     */
    public long pageOffset() {
        return pageOffset;
    }

    /**
     * What stands behind it.
     *
     * @return the backing, or null for anonymous memory
     */
    public @Nullable Backing backing() {
        return traits == null ? null : traits.backing();
    }

    /**
     * What stands behind it, with its answers from when it was mapped.
     *
     * @return the answers, or null for anonymous memory
     */
    public @Nullable BackingTraits traits() {
        return traits;
    }

    /**
     * Whether it is no longer what its space maps there. A description, which no space has mapped yet, is detached too.
     *
     * @return true if so, and then for ever but for a description
     */
    public boolean isDetached() {
        return isDetachedVolatile();
    }

    /**
     * The name of its own.
     *
     * @return the name, or null for an ordinary mapping
     */
    public @Nullable String name() {
        return name;
    }

    /**
     * Its anonymous-memory identity, which the first page of its own gives it: one of the two words of a VMA that move.
     *
     * @return the identity, or null if it has no page of its own yet
     */
    public @Nullable AnonVma anonIdentity() {
        return (AnonVma) IDENTITY.getAcquire(this);
    }

    @Override
    protected final void adoptIdentity(Object identity) {
        IDENTITY.compareAndSet(this, null, (AnonVma) identity);
    }

    /**
     * Whether the kernel itself has mapped it for a purpose, as {@code [vdso]}: such a mapping stays whole.
     *
     * @return true if it has a name and an attribute of {@link VmaFlags#SPECIAL}
     */
    public boolean isSpecial() {
        return name != null && hasAny(VmaFlags.SPECIAL);
    }

    /**
     * Whether its pages come from nowhere: it has no backing, or the zero device privately. A special mapping is not
     * anonymous.
     *
     * @return true if so
     */
    public boolean isAnonymous() {
        return !isSpecial() && (traits == null || (traits.isZeroDevice() && !hasAny(VmaFlags.SHARED)));
    }

    /**
     * Whether an address lies in it.
     *
     * @param address any address
     * @return true if {@code start <= address < end}, unsigned
     */
    public boolean contains(long address) {
        return Long.compareUnsigned(address - start, end - start) < 0;
    }

    /**
     * Whether another VMA looks the same to a user: range, attributes, backing, offset and name. The anonymous identity
     * is not compared.
     *
     * @param other any VMA
     * @return true if so
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
     * For people: range, rights, attributes and backing.
     *
     * @return one line, whose form may change
     */
    @Override
    public String toString() {
        String what = traits != null ? traits.backing().name() : name != null ? name : "anonymous";
        return String.format(Locale.ROOT, "%x-%x +%x %s [%s]", start, end, pageOffset, what, VmaFlags.format(flags));
    }
}
