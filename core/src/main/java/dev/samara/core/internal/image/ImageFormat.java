// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.internal.image;

import dev.samara.core.internal.sync.Addresses;
import dev.samara.core.vma.Geometry;
import dev.samara.core.vma.ProtectionMap;
import dev.samara.core.vma.Vma;
import dev.samara.core.vma.VmaFlags;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * The format of an image of a space, as bytes: written once, front to back, to any channel, and checked completely
 * before a reader uses a number of it. All numbers are little-endian. No class name and no object is stored, so that
 * any version of Java reads what another one wrote.
 *
 * <pre>
 *   0         head: magic, version, size of the blocks, identities, zeros   4,096 bytes
 *   4,096     data: the pages, in the order of the run table
 *   ...       table of contents, see {@link Contents}
 *   end - 32  trailer: length of the data, length of the table, version, checksum, magic
 * </pre>
 */
public final class ImageFormat {
    /*
     * Notes.
     *
     * 1. The table follows the data, because the checksums of the data are known only once the data was read, and the
     *    channel may be a pipe. So a save reads each page once. A save that ended early leaves no trailer, and no
     *    reader takes its file for an image.
     *
     * 2. The data are the pages of the run table one after the other, without gaps. A run names a first address and a
     *    number of pages; where its bytes are follows from the runs before it. So no two runs can name the same bytes,
     *    and none can name bytes outside. A page without a run is zero.
     *
     * 3. The data are divided into blocks of 64 KiB; the last one may be shorter. The table contains a CRC32C of each
     *    block. The CRC32C of the trailer covers the head, the table and the rest of the trailer, so that an image with
     *    a wrong bit anywhere is either refused, or has a block whose checksum fails when it is first read. A block
     *    contains whole pages, or a page whole blocks, because both sizes are powers of two.
     *
     * 4. Checksums do not protect from an image that was made to harm. So the reader trusts no number: each count is
     *    compared with the bytes that are left before anything is allocated for it, each address with the bounds of the
     *    space, each run with the mapping that contains it, and the sums of the runs with the length of the data.
     *    What can be wrong after that is only the content.
     *
     * 5. An image has two identities, random numbers: that of its instant, which all images of a checkpoint have, and
     *    that of its save, which no other image has. An increment also names one of its base: an older image, which may
     *    be an increment itself. It has the whole layout, guards and sections of its own instant, but only the pages
     *    that may differ from the base. Its table lists them (Contents.changed), because a page that is zero now has no
     *    run. A page of its mappings that is not listed is that of the base at the same address, also if it is a guard
     *    there. The table of other images has no such list, and zeros for the identity of the base.
     *
     * 6. Two images of a checkpoint may differ in the pages of mapped files, which are read during the save. An
     *    increment of a checkpoint lists all of these, so it fits each image of that instant, and names the instant. An
     *    increment of a loaded image does not list them, because they are pages of the image now. So it fits only that
     *    image, and names the save.
     */

    /** The version that is written. A reader refuses others. */
    private static final int VERSION = 1;

    /** The number of bytes before the data, with the identities. */
    public static final int HEAD = 4096;

    /** The position of the identities in the head. */
    private static final int IDENTITIES = Long.BYTES + 2 * Integer.BYTES;

    /** The size of a block with a checksum. */
    static final int BLOCK = 1 << 16;

    /** The number of bytes behind the table of contents, with its checksum. */
    public static final int TRAILER = 32;

    /** "SAMARA", and a line end that a transfer as text would change. */
    private static final long MAGIC = 0x0a0d_4152_414d_4153L;

    private static final long END_MAGIC = 0x0a0d_444e_4541_4d53L;

    /** The attributes that a saved mapping may have. All are those of private memory of the user. */
    private static final long FLAGS = VmaFlags.ACCESS
            | VmaFlags.MAY_ACCESS
            | VmaFlags.GROWSDOWN
            | VmaFlags.MAYBE_GUARD
            | VmaFlags.SEQ_READ
            | VmaFlags.RAND_READ
            | VmaFlags.ACCOUNT
            | VmaFlags.NORESERVE
            | VmaFlags.WIPEONFORK
            | VmaFlags.DONTDUMP
            | VmaFlags.HUGEPAGE
            | VmaFlags.NOHUGEPAGE
            | VmaFlags.MERGEABLE
            | VmaFlags.DROPPABLE
            | VmaFlags.SEALED;

    /** Mappings with one of these have no pages in an image, because a child has none there. */
    private static final long EMPTY = VmaFlags.WIPEONFORK | VmaFlags.DROPPABLE;

    /** The longest displayed name of named private memory, and a character more for its bracket. */
    private static final int MOST_NAME = Vma.ANON_NAME.length() + 80;

    private ImageFormat() {}

    /**
     * Returns whether a mapping can be saved.
     *
     * @param flags its attributes in a child of fork, where it is not locked
     * @param name its displayed name, or null
     */
    public static boolean isSavable(long flags, @Nullable String name) {
        return (flags & ~FLAGS) == 0 && (name == null || isName(name));
    }

    /** Returns whether a mapping has no pages in an image, because a child has none there. */
    public static boolean isEmpty(long flags) {
        return (flags & EMPTY) != 0;
    }

    private static boolean isName(String name) {
        return name.startsWith(Vma.ANON_NAME)
                && name.endsWith("]")
                && name.length() <= MOST_NAME
                && name.chars().allMatch(letter -> letter >= ' ' && letter <= '~');
    }

    /**
     * A saved mapping.
     *
     * @param start the first address
     * @param end the end, exclusive
     * @param flags bits of {@link VmaFlags}
     * @param pageOffset as of the mapping; used if it is loaded without a backing
     * @param name the displayed name of named memory, or null
     */
    public record Mapping(
            long start,
            long end,
            long flags,
            long pageOffset,
            @Nullable String name) {
        private static final int BYTES = 4 * Long.BYTES + Integer.BYTES;

        /** Returns whether an address is in the range. */
        boolean contains(long address) {
            return Addresses.isBelow(address - start, end - start);
        }
    }

    /**
     * Ranges of whole pages, ascending and without overlap. Filled by one thread, and then not changed.
     */
    public static final class Ranges {
        private long[] pairs = new long[32];
        private int count;

        /** Adds a range above all others; it extends the last one if it follows it immediately. */
        public void add(long start, long end) {
            if (count > 0 && pairs[2 * count - 1] == start) {
                pairs[2 * count - 1] = end;
                return;
            }
            addApart(start, end);
        }

        /** Returns the number of ranges. */
        public int count() {
            return count;
        }

        /** Returns the first address of a range. */
        public long start(int at) {
            return pairs[2 * at];
        }

        /** Returns the end of a range, exclusive. */
        public long end(int at) {
            return pairs[2 * at + 1];
        }

        /** Adds a range above all others, which stays a range of its own. */
        void addApart(long start, long end) {
            if (2 * count == pairs.length) {
                pairs = Arrays.copyOf(pairs, 2 * pairs.length);
            }
            pairs[2 * count] = start;
            pairs[2 * count + 1] = end;
            count++;
        }

        /** Returns the pages that are in one of two lists. */
        public static Ranges union(Ranges one, Ranges other) {
            Ranges both = new Ranges();
            int i = 0;
            int j = 0;
            while (i < one.count || j < other.count) {
                boolean isOne = j == other.count || (i < one.count && !Addresses.isAbove(one.start(i), other.start(j)));
                long start = isOne ? one.start(i) : other.start(j);
                long end = isOne ? one.end(i++) : other.end(j++);
                if (both.count > 0 && Addresses.isBelow(start, both.end(both.count - 1))) {
                    start = both.end(both.count - 1);
                }
                if (Addresses.isBelow(start, end)) {
                    both.add(start, end);
                }
            }
            return both;
        }

        /** Returns the pages that are in both of two lists. */
        public static Ranges intersection(Ranges one, Ranges other) {
            Ranges both = new Ranges();
            int i = 0;
            int j = 0;
            while (i < one.count && j < other.count) {
                long start = Addresses.higher(one.start(i), other.start(j));
                long end = Addresses.lower(one.end(i), other.end(j));
                if (Addresses.isBelow(start, end)) {
                    both.add(start, end);
                }
                if (one.end(i) == end) {
                    i++;
                } else {
                    j++;
                }
            }
            return both;
        }

        /** Passes on the parts of a range that are in no range of this list, ascending. */
        void forEachGap(long start, long end, RangeSink sink) {
            long from = start;
            for (int at = above(start); at < count && Addresses.isBelow(start(at), end); at++) {
                if (Addresses.isBelow(from, start(at))) {
                    sink.accept(from, start(at));
                }
                from = end(at);
            }
            if (Addresses.isBelow(from, end)) {
                sink.accept(from, end);
            }
        }

        /** Returns whether an address is in one of the ranges. */
        public boolean contains(long address) {
            int at = above(address);
            return at < count && !Addresses.isBelow(address, start(at));
        }

        /** Returns the index of the first range that ends above an address. */
        public int above(long address) {
            int low = 0;
            int high = count;
            while (low < high) {
                int middle = (low + high) >>> 1;
                if (Addresses.isAbove(end(middle), address)) {
                    high = middle;
                } else {
                    low = middle + 1;
                }
            }
            return low;
        }
    }

    /** Gets a range of addresses. */
    @FunctionalInterface
    public interface RangeSink {
        /** Gets a range, whose end is exclusive. */
        void accept(long start, long end);
    }

    /**
     * The identities of an image.
     *
     * @param instant that of the instant of the image
     * @param base one of the image of which this is an increment; null for a whole image
     * @param save that of the save that wrote the image
     */
    public record Identity(UUID instant, @Nullable UUID base, UUID save) {}

    /**
     * What an image contains besides the bytes of the pages: the table of contents.
     *
     * @param geometry the sizes and bounds of the space
     * @param heapStart the first address of the heap
     * @param brk the end of the heap
     * @param stackStart an address of the main stack, or 0
     * @param mappings the mappings, ascending
     * @param runs the pages whose bytes are saved
     * @param guards the pages with guard markers
     * @param changed the pages that are not those of the base; null if there is no base
     * @param sections what the embedder added
     */
    public record Contents(
            Geometry geometry,
            long heapStart,
            long brk,
            long stackStart,
            List<Mapping> mappings,
            Ranges runs,
            Ranges guards,
            @Nullable Ranges changed,
            Map<String, byte[]> sections) {
        /** Returns the contents with the pages and guards of a base and its increments. */
        Contents with(Ranges allRuns, Ranges allGuards) {
            return new Contents(geometry, heapStart, brk, stackStart, mappings, allRuns, allGuards, null, sections);
        }
    }

    /** Writes an image. Used by one thread. */
    public static final class Writer {
        /** A multiple of the size of a block; the bytes stay in a processor's cache until they are written. */
        private static final int BUFFER = 4 * BLOCK;

        /** Guards {@link #spare}. */
        private static final Object SPARES = new Object();

        /**
         * The buffer of a writer that has finished. Kept, because the first touch of the memory of a new one may take
         * longer than all else that an increment of few pages does.
         *
         * <p>Written: threads that begin or finish an image (monitor of {@code SPARES}).
         * Read: as written.
         * Invariant: no writer has it.
         */
        private static @Nullable ByteBuffer spare;

        private final WritableByteChannel target;
        private final CRC32C covered = new CRC32C();

        /** The bytes of pages that are not written yet. Its position is a page boundary. */
        private final ByteBuffer buffer;

        private int[] checksums = new int[64];
        private int blocks;
        private long written;

        /**
         * Writes the head.
         *
         * @param target receives the image
         * @param pageSize the size of the pages
         * @param identity the identities
         * @throws IOException as the channel throws
         */
        public Writer(WritableByteChannel target, int pageSize, Identity identity) throws IOException {
            this.target = target;
            buffer = takeBuffer(Math.max(BUFFER, pageSize));
            write(head(identity));
        }

        private static ByteBuffer takeBuffer(int size) {
            synchronized (SPARES) {
                ByteBuffer taken = spare;
                if (taken != null && taken.capacity() == size) {
                    spare = null;
                    return taken.clear();
                }
            }
            return ByteBuffer.allocateDirect(size).order(ByteOrder.LITTLE_ENDIAN);
        }

        /**
         * Returns the room for the next pages, at least one. The caller puts whole pages there, which moves the
         * position.
         *
         * @throws IOException as the channel throws
         */
        public ByteBuffer room() throws IOException {
            if (!buffer.hasRemaining()) {
                flush();
            }
            return buffer;
        }

        /** Writes the pages in the buffer. Called with a full buffer, or at the end, so that blocks are whole. */
        private void flush() throws IOException {
            buffer.flip();
            int length = buffer.limit();
            for (int at = 0; at < length; at += BLOCK) {
                if (blocks == checksums.length) {
                    checksums = Arrays.copyOf(checksums, 2 * blocks);
                }
                buffer.position(at).limit(Math.min(at + BLOCK, length));
                checksums[blocks++] = checksum(buffer);
            }
            buffer.position(0).limit(length);
            written += length;
            writeAll(buffer);
            buffer.clear();
        }

        /**
         * Writes the table of contents and the trailer. Afterwards the image is complete, and the writer is not used
         * any more.
         *
         * @throws IOException as the channel throws
         */
        public void finish(Contents contents) throws IOException {
            flush();
            ByteBuffer table = encode(contents, checksums, blocks);
            long length = table.remaining();
            write(table);
            ByteBuffer trailer = allocate(TRAILER);
            trailer.putLong(written).putLong(length).putInt(VERSION);
            covered.update(trailer.duplicate().flip());
            trailer.putInt((int) covered.getValue()).putLong(END_MAGIC).flip();
            writeAll(trailer);
            synchronized (SPARES) {
                spare = buffer;
            }
        }

        private void write(ByteBuffer bytes) throws IOException {
            covered.update(bytes.duplicate());
            writeAll(bytes);
        }

        private void writeAll(ByteBuffer bytes) throws IOException {
            while (bytes.hasRemaining()) {
                int unused = target.write(bytes);
            }
        }
    }

    /** Returns the checksum of the remaining bytes of a buffer. */
    static int checksum(ByteBuffer bytes) {
        CRC32C checksum = new CRC32C();
        checksum.update(bytes);
        return (int) checksum.getValue();
    }

    private static ByteBuffer allocate(int bytes) {
        return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
    }

    private static ByteBuffer head(Identity identity) {
        ByteBuffer head = allocate(HEAD).putLong(MAGIC).putInt(VERSION).putInt(BLOCK);
        put(head, identity.instant);
        put(head, identity.base);
        put(head, identity.save);
        return head.rewind();
    }

    private static void put(ByteBuffer head, @Nullable UUID identity) {
        head.putLong(identity == null ? 0 : identity.getMostSignificantBits());
        head.putLong(identity == null ? 0 : identity.getLeastSignificantBits());
    }

    private static @Nullable UUID identity(ByteBuffer head, int at) {
        long high = head.getLong(at);
        long low = head.getLong(at + Long.BYTES);
        return high == 0 && low == 0 ? null : new UUID(high, low);
    }

    // ------------------------------------------------------------------ the table of contents

    private static ByteBuffer encode(Contents of, int[] checksums, int blocks) throws IOException {
        List<byte[]> names = new ArrayList<>();
        long length = 3 * Integer.BYTES + 3 * Long.BYTES + Integer.BYTES + 3 * Long.BYTES;
        length += Integer.BYTES;
        for (Mapping mapping : of.mappings) {
            byte[] name = bytes(mapping.name == null ? "" : mapping.name);
            names.add(name);
            length += Mapping.BYTES + name.length;
        }
        length += bytes(of.runs) + bytes(of.guards) + (of.changed == null ? 0 : bytes(of.changed));
        length += Integer.BYTES;
        Map<String, byte[]> sections = new TreeMap<>(of.sections);
        for (Map.Entry<String, byte[]> section : sections.entrySet()) {
            length += 2L * Integer.BYTES + bytes(section.getKey()).length + section.getValue().length;
        }
        length += Integer.BYTES + (long) Integer.BYTES * blocks;
        if (length > Integer.MAX_VALUE - TRAILER) {
            throw new IOException("too much for an image: a table of contents of " + length + " bytes");
        }
        ByteBuffer table = allocate((int) length);
        Geometry geometry = of.geometry;
        table.putInt(geometry.pageShift()).putInt(geometry.levels()).putInt(geometry.hugeShift());
        table.putLong(geometry.minimum()).putLong(geometry.window()).putLong(geometry.limit());
        table.putInt(bits(geometry.protectionMap()));
        table.putLong(of.heapStart).putLong(of.brk).putLong(of.stackStart);
        table.putInt(of.mappings.size());
        for (int i = 0; i < names.size(); i++) {
            Mapping mapping = of.mappings.get(i);
            table.putLong(mapping.start)
                    .putLong(mapping.end)
                    .putLong(mapping.flags)
                    .putLong(mapping.pageOffset);
            put(table, names.get(i));
        }
        put(table, of.runs);
        put(table, of.guards);
        if (of.changed != null) {
            put(table, of.changed);
        }
        table.putInt(sections.size());
        for (Map.Entry<String, byte[]> section : sections.entrySet()) {
            put(table, bytes(section.getKey()));
            put(table, section.getValue());
        }
        table.putInt(blocks);
        for (int i = 0; i < blocks; i++) {
            table.putInt(checksums[i]);
        }
        return table.flip();
    }

    private static long bytes(Ranges ranges) {
        return Integer.BYTES + 2L * Long.BYTES * ranges.count;
    }

    private static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    private static void put(ByteBuffer table, byte[] bytes) {
        table.putInt(bytes.length).put(bytes);
    }

    private static void put(ByteBuffer table, Ranges ranges) {
        table.putInt(ranges.count());
        for (int i = 0; i < ranges.count(); i++) {
            table.putLong(ranges.start(i)).putLong(ranges.end(i));
        }
    }

    private static int bits(ProtectionMap map) {
        return (map.writeImpliesRead() ? 1 : 0)
                | (map.executeImpliesRead() ? 2 : 0)
                | (map.readImpliesExecute() ? 4 : 0);
    }

    /** The bytes of an image, read by position. */
    public interface Source {
        /** Returns the number of bytes. */
        long size() throws IOException;

        /**
         * Fills the remaining bytes of a buffer.
         *
         * @throws IOException also if the image ends before
         */
        void read(ByteBuffer target, long position) throws IOException;
    }

    static IOException damaged(String name, String why) {
        return new IOException("not a usable image: " + name + ": " + why);
    }

    /** Returns whether no page lies in a mapping that is loaded empty. */
    static boolean isEmptyWhereItMust(Ranges runs, List<Mapping> mappings) {
        for (Mapping mapping : mappings) {
            int at = runs.above(mapping.start);
            if (isEmpty(mapping.flags) && at < runs.count() && Addresses.isBelow(runs.start(at), mapping.end)) {
                return false;
            }
        }
        return true;
    }

    /** Reads the table of contents of an image, and checks it as described above. Used by one thread. */
    static final class Reader {
        private final String name;
        private final ByteBuffer table;
        private final long dataLength;

        private Geometry geometry;

        /** The checksums of the blocks. */
        int[] checksums = {};

        final Identity identity;

        Reader(String name, Source source) throws IOException {
            this.name = name;
            long size = source.size();
            check(size >= HEAD + TRAILER, "it has only " + size + " bytes");
            ByteBuffer head = allocate(HEAD);
            source.read(head, 0);
            head.flip();
            check(head.getLong(0) == MAGIC, "it does not begin as one");
            ByteBuffer trailer = allocate(TRAILER);
            source.read(trailer, size - TRAILER);
            trailer.flip();
            int version = head.getInt(Long.BYTES);
            check(version == VERSION, "its version is " + version + ", not " + VERSION);
            check(trailer.getLong(TRAILER - Long.BYTES) == END_MAGIC, "it does not end as one");
            UUID instant = identity(head, IDENTITIES);
            UUID save = identity(head, IDENTITIES + 4 * Long.BYTES);
            if (instant == null || save == null) {
                throw damaged(name, "it has no identity");
            }
            identity = new Identity(instant, identity(head, IDENTITIES + 2 * Long.BYTES), save);
            check(head.equals(head(identity)), "its head is damaged");
            dataLength = trailer.getLong();
            long length = trailer.getLong();
            check(trailer.getInt() == VERSION, "its trailer is damaged");
            check(
                    dataLength >= 0
                            && length >= 0
                            && length <= Integer.MAX_VALUE
                            && dataLength == size - HEAD - TRAILER - length,
                    "its parts are not as long as its trailer says");
            table = allocate((int) length);
            source.read(table, HEAD + dataLength);
            table.flip();
            CRC32C covered = new CRC32C();
            covered.update(head);
            covered.update(table.duplicate());
            covered.update(trailer.duplicate().rewind().limit(trailer.position()));
            check(trailer.getInt() == (int) covered.getValue(), "the checksum of its table of contents is wrong");
            geometry = geometry();
        }

        private void check(boolean isRight, String otherwise) throws IOException {
            if (!isRight) {
                throw damaged(name, otherwise);
            }
        }

        private void need(long bytes) throws IOException {
            check(bytes <= table.remaining(), "its table of contents ends early");
        }

        private int getInt() throws IOException {
            need(Integer.BYTES);
            return table.getInt();
        }

        private long getLong() throws IOException {
            need(Long.BYTES);
            return table.getLong();
        }

        /** Reads a number of elements, each of which takes at least so many bytes of what is left. */
        private int count(int least) throws IOException {
            int count = getInt();
            check(count >= 0, "a count is negative");
            need((long) count * least);
            return count;
        }

        private byte[] bytes() throws IOException {
            byte[] bytes = new byte[count(1)];
            table.get(bytes);
            return bytes;
        }

        private String text() throws IOException {
            try {
                return StandardCharsets.UTF_8
                        .newDecoder()
                        .decode(ByteBuffer.wrap(bytes()))
                        .toString();
            } catch (CharacterCodingException malformed) {
                throw damaged(name, "a name is not text");
            }
        }

        private Geometry geometry() throws IOException {
            int pageShift = getInt();
            int levels = getInt();
            int hugeShift = getInt();
            long minimum = getLong();
            long window = getLong();
            long limit = getLong();
            int map = getInt();
            check((map & ~7) == 0, "its geometry is wrong");
            try {
                return new Geometry(
                        pageShift,
                        levels,
                        hugeShift,
                        minimum,
                        window,
                        limit,
                        new ProtectionMap((map & 1) != 0, (map & 2) != 0, (map & 4) != 0));
            } catch (IllegalArgumentException wrong) {
                throw (IOException) damaged(name, "its geometry is wrong").initCause(wrong);
            }
        }

        /** Reads everything after the geometry. */
        Contents contents() throws IOException {
            long heapStart = getLong();
            long brk = getLong();
            long stackStart = getLong();
            check(
                    !Addresses.isAbove(heapStart, brk) && !Addresses.isAbove(brk, geometry.limit()),
                    "its heap is outside the space");
            List<Mapping> mappings = mappings();
            Ranges runs = ranges(mappings);
            checkRuns(runs);
            Ranges guards = ranges(mappings);
            checkApart(runs, guards);
            Ranges changed = identity.base == null ? null : ranges(mappings);
            if (changed != null) {
                checkWithin(runs, changed);
                checkWithin(guards, changed);
            }
            Map<String, byte[]> sections = new TreeMap<>();
            for (int left = count(2 * Integer.BYTES); left > 0; left--) {
                String section = text();
                check(sections.put(section, bytes()) == null, "two sections have one name");
            }
            checksums = new int[count(Integer.BYTES)];
            for (int i = 0; i < checksums.length; i++) {
                checksums[i] = table.getInt();
            }
            check(checksums.length == (dataLength + BLOCK - 1) / BLOCK, "its number of blocks is wrong");
            check(!table.hasRemaining(), "its table of contents is too long");
            return new Contents(geometry, heapStart, brk, stackStart, mappings, runs, guards, changed, sections);
        }

        private List<Mapping> mappings() throws IOException {
            int count = count(Mapping.BYTES);
            List<Mapping> mappings = new ArrayList<>(count);
            long from = 0;
            for (int i = 0; i < count; i++) {
                Mapping mapping = new Mapping(getLong(), getLong(), getLong(), getLong(), nameOrNull());
                checkRange(from, mapping.start, mapping.end, "a mapping");
                long flags = mapping.flags;
                boolean isCharged = (flags & VmaFlags.ACCOUNT) != 0;
                boolean mustBe = (flags & (VmaFlags.WRITE | VmaFlags.NORESERVE)) == VmaFlags.WRITE;
                check((flags & ~FLAGS) == 0 && (isCharged || !mustBe), "a mapping has attributes that none may have");
                mappings.add(mapping);
                from = mapping.end;
            }
            return mappings;
        }

        private @Nullable String nameOrNull() throws IOException {
            String text = text();
            check(text.isEmpty() || isName(text), "a mapping has a name that none may have");
            return text.isEmpty() ? null : text;
        }

        /** Reads ranges, each of which lies within a mapping. */
        private Ranges ranges(List<Mapping> mappings) throws IOException {
            Ranges ranges = new Ranges();
            long from = 0;
            int in = 0;
            for (int left = count(2 * Long.BYTES); left > 0; left--) {
                long start = table.getLong();
                long end = table.getLong();
                checkRange(from, start, end, "a run of pages");
                ranges.add(start, end);
                // A run may go on in the next mapping, if that follows immediately.
                while (in < mappings.size() && !Addresses.isAbove(mappings.get(in).end, start)) {
                    in++;
                }
                for (int at = in; ; at++) {
                    check(
                            at < mappings.size() && !Addresses.isAbove(mappings.get(at).start, start),
                            "a run of pages is outside the mappings");
                    if (!Addresses.isAbove(end, mappings.get(at).end)) {
                        break;
                    }
                    start = mappings.get(at).end;
                }
                from = end;
            }
            return ranges;
        }

        private void checkRange(long from, long start, long end, String what) throws IOException {
            check(
                    geometry.isAligned(start)
                            && geometry.isAligned(end)
                            && !Addresses.isBelow(start, from)
                            && Addresses.isBelow(start, end)
                            && !Addresses.isAbove(end, geometry.limit()),
                    what + " is not in its place");
        }

        /** Checks that the runs name exactly the bytes of the data. */
        private void checkRuns(Ranges runs) throws IOException {
            long left = dataLength;
            for (int i = 0; i < runs.count(); i++) {
                long length = runs.end(i) - runs.start(i);
                // Unsigned, because a run of a space of 2^64 bytes may be longer than any file.
                check(!Addresses.isAbove(length, left), "its runs name more pages than it contains");
                left -= length;
            }
            check(left == 0, "its runs name fewer pages than it contains");
        }

        private void checkWithin(Ranges ranges, Ranges changed) throws IOException {
            for (int i = 0; i < ranges.count(); i++) {
                int at = changed.above(ranges.start(i));
                check(
                        at < changed.count()
                                && !Addresses.isBelow(ranges.start(i), changed.start(at))
                                && !Addresses.isAbove(ranges.end(i), changed.end(at)),
                        "a page of an increment is not one that changed");
            }
        }

        private void checkApart(Ranges runs, Ranges guards) throws IOException {
            for (int i = 0; i < guards.count(); i++) {
                int at = runs.above(guards.start(i));
                check(
                        at == runs.count() || !Addresses.isBelow(runs.start(at), guards.end(i)),
                        "a guard is at a page with content");
            }
        }

        long dataLength() {
            return dataLength;
        }
    }
}
