// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.vma;

import dev.samara.core.internal.vma.VmArea;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * One virtual memory area: a range of addresses with one protection, one backing and one set of attributes.
 *
 * <p>A VMA is immutable, except that it is first attached to its space and later detached from it. So a reader always
 * sees a consistent VMA. It may no longer be the current mapping of its space, because every change creates new VMAs,
 * and {@code AddressSpace.find} returns the current one.
 *
 * <p>A VMA in a space belongs to that space only. A VMA that {@code ProcMaps.parse} or {@code
 * AddressSpaceBuilder.mapping} returns is a description of a mapping to be loaded.
 */
public abstract sealed class Vma permits VmArea {
    /** Only for the library: the prefix of the displayed name of named private memory. */
    public static final String ANON_NAME = "[anon:";

    /** Only for the library: the prefix of the displayed name of named shared memory. */
    public static final String ANON_SHMEM_NAME = "[anon_shmem:";

    /** The bits above the flags of {@link VmaFlags}. */
    private static final long MARKS = -1L << VmaFlags.BITS;

    /**
     * Words: all fields.
     * Written: constructor (plain, final).
     * Read: any thread (plain).
     * Invariant: immutable.
     */
    private final long start;

    private final long end;

    /** The attributes and the marks, in one word because a layout may contain very many VMAs. */
    private final long flagsAndMarks;

    private final long pageOffset;
    private final @Nullable String name;

    /**
     * Only for the library.
     *
     * @param start first address
     * @param end first address after the range, unsigned above {@code start}
     * @param flags bits of {@link VmaFlags}
     * @param marks the library's notes about the backing, in the bits above {@link VmaFlags#BITS}
     * @param pageOffset offset of {@code start} in the backing in pages
     * @param name the displayed name of a mapping that has its own name; null for other mappings
     * @throws IllegalArgumentException if the range is empty
     */
    protected Vma(long start, long end, long flags, long marks, long pageOffset, @Nullable String name) {
        if (Long.compareUnsigned(start, end) >= 0) {
            throw new IllegalArgumentException(
                    String.format(Locale.ROOT, "start 0x%x must lie below end 0x%x", start, end));
        }
        this.start = start;
        this.end = end;
        flagsAndMarks = (flags & ~MARKS) | (marks & MARKS);
        this.pageOffset = pageOffset;
        this.name = name;
    }

    /**
     * Returns the first address.
     *
     * @return a page boundary
     */
    public final long start() {
        return start;
    }

    /**
     * Returns the first address after the range.
     *
     * @return a page boundary, unsigned above {@link #start()}
     */
    public final long end() {
        return end;
    }

    /**
     * Returns the size.
     *
     * @return bytes
     */
    public final long length() {
        return end - start;
    }

    /**
     * Returns the attributes.
     *
     * @return bits of {@link VmaFlags}
     */
    public final long flags() {
        return flagsAndMarks & ~MARKS;
    }

    /**
     * Returns whether all of the given attributes are set.
     *
     * @param wanted bits of {@link VmaFlags}
     * @return true if all are set
     */
    public final boolean has(long wanted) {
        return (flagsAndMarks & wanted) == wanted;
    }

    /**
     * Returns whether any of the given attributes is set.
     *
     * @param wanted bits of {@link VmaFlags}
     * @return true if at least one is set
     */
    public final boolean hasAny(long wanted) {
        return (flagsAndMarks & wanted) != 0;
    }

    /**
     * Only for the library: returns whether any of the given marks is set.
     *
     * @param wanted marks of the constructor
     * @return true if at least one is set
     */
    protected final boolean isMarked(long wanted) {
        return (flagsAndMarks & wanted) != 0;
    }

    /**
     * Returns the offset of {@link #start()} in the backing.
     *
     * @return pages, unsigned; for private anonymous memory the page number of the address at which it was mapped
     */
    public final long pageOffset() {
        return pageOffset;
    }

    /**
     * Returns the name of a mapping that has its own name, such as {@code [vdso]}, or {@code [anon:pool]} and {@code
     * [anon_shmem:pool]} for memory that {@code AddressSpace.setAnonymousName} named {@code pool}.
     *
     * @return the name, or null for an ordinary mapping
     */
    public final @Nullable String name() {
        return name;
    }

    /**
     * Returns the backing.
     *
     * @return the backing, or null for anonymous memory
     */
    public abstract @Nullable Backing backing();

    /**
     * Returns whether this is not a current mapping of a space. A description, which is not mapped in any space yet, is
     * also detached.
     *
     * @return true if it is detached; a VMA that was removed from its space stays detached forever
     */
    public abstract boolean isDetached();

    /**
     * Returns whether its pages have no file, i.e. it has no backing, or maps the zero device privately. A special
     * mapping is not anonymous.
     *
     * @return true if it is anonymous
     */
    public abstract boolean isAnonymous();

    /**
     * Returns whether this is a mapping that the kernel itself created, such as {@code [vdso]}. Such a mapping is never
     * split.
     *
     * @return true if it has a name that {@code AddressSpace.setAnonymousName} does not give, and an attribute of
     *     {@link VmaFlags#SPECIAL}
     */
    public final boolean isSpecial() {
        return hasAny(VmaFlags.SPECIAL) && name != null && !isNamed();
    }

    /**
     * Returns whether it is memory with a name that {@code AddressSpace.setAnonymousName} gives.
     *
     * @return true if {@link #name} begins with {@code [anon:} or {@code [anon_shmem:}
     */
    public final boolean isNamed() {
        return name != null && (name.startsWith(ANON_NAME) || name.startsWith(ANON_SHMEM_NAME));
    }

    /**
     * Returns whether an address is in the range.
     *
     * @param address any address
     * @return true if {@code start <= address < end}, unsigned
     */
    public final boolean contains(long address) {
        return Long.compareUnsigned(address - start, end - start) < 0;
    }

    /**
     * Returns whether another VMA has the same range, attributes, backing, offset and name.
     *
     * @param other any VMA
     * @return true if these are equal
     */
    public final boolean looksLike(Vma other) {
        return start == other.start
                && end == other.end
                && flags() == other.flags()
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
    public final String toString() {
        Backing backing = backing();
        String what = name != null ? name : backing != null ? backing.name() : "anonymous";
        return String.format(Locale.ROOT, "%x-%x +%x %s [%s]", start, end, pageOffset, what, VmaFlags.format(flags()));
    }
}
