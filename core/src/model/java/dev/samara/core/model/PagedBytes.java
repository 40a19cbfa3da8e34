// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.model;

import dev.samara.core.mman.Fault;
import dev.samara.core.vma.Geometry;
import java.nio.ByteOrder;
import java.util.HashMap;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** A model of memory: the protection and the bytes of each mapped page, by page number. */
final class PagedBytes {
    private static final class Page {
        int protection;
        final byte[] bytes;

        Page(int protection, int size) {
            this.protection = protection;
            bytes = new byte[size];
        }
    }

    private final Map<Long, Page> pages = new HashMap<>();
    private final int pageShift;
    private final boolean isBig;

    PagedBytes(Geometry geometry, ByteOrder order) {
        pageShift = geometry.pageShift();
        isBig = order == ByteOrder.BIG_ENDIAN;
    }

    int pageSize() {
        return 1 << pageShift;
    }

    private @Nullable Page page(long address) {
        return pages.get(address >>> pageShift);
    }

    private Page mapped(long address) {
        return Objects.requireNonNull(page(address));
    }

    void map(long start, long length, int protection) {
        for (long done = 0; done < length; done += pageSize()) {
            pages.put((start + done) >>> pageShift, new Page(protection, pageSize()));
        }
    }

    void unmap(long start, long length) {
        for (long done = 0; done < length; done += pageSize()) {
            pages.remove((start + done) >>> pageShift);
        }
    }

    boolean isMapped(long start, long length) {
        for (long done = 0; done < length; done += pageSize()) {
            if (page(start + done) == null) {
                return false;
            }
        }
        return true;
    }

    void protect(long start, long length, int protection) {
        for (long done = 0; done < length; done += pageSize()) {
            mapped(start + done).protection = protection;
        }
    }

    void discard(long start, long length) {
        for (long done = 0; done < length; done += pageSize()) {
            map(start + done, pageSize(), mapped(start + done).protection);
        }
    }

    /** Returns the fault of an access, i.e. the fault of the first page that has one. */
    int fault(long address, int size, int access) {
        for (int i = 0; i < size; i++) {
            Page page = page(address + i);
            if (page == null) {
                return Fault.MAPERR;
            }
            if ((page.protection & access) == 0) {
                return Fault.ACCERR;
            }
        }
        return Fault.NONE;
    }

    long load(long address, int size) {
        long number = 0;
        for (int i = 0; i < size; i++) {
            int at = isBig ? i : size - 1 - i;
            number = (number << Byte.SIZE) | (mapped(address + at).bytes[offset(address + at)] & 0xff);
        }
        return number;
    }

    void store(long address, int size, long number) {
        for (int i = 0; i < size; i++) {
            int at = isBig ? size - 1 - i : i;
            mapped(address + at).bytes[offset(address + at)] = (byte) (number >>> (i * Byte.SIZE));
        }
    }

    private int offset(long address) {
        return (int) address & pageSize() - 1;
    }
}
