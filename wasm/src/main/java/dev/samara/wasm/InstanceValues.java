// SPDX-License-Identifier: Apache-2.0
package dev.samara.wasm;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

/**
 * What an {@link InstanceImage} saves of an instance besides its memory: numbers, which have the same meaning in each
 * new instance of the module. The class of a runtime reads them from one instance, and gives them to another.
 *
 * @param globals the two halves of the value of each global of the instance's own, in the order of their indexes; a
 *     reference to a function is the index of the function, or {@link #NULL}
 * @param tables the entries of each table of the instance's own: indexes of functions, or {@link #NULL}
 * @param droppedData for each data segment whether it is dropped
 * @param droppedElements for each element segment whether it is dropped
 */
public record InstanceValues(
        List<long[]> globals, List<int[]> tables, List<Boolean> droppedData, List<Boolean> droppedElements) {
    /** The number of a null reference, in both runtimes. */
    public static final int NULL = -1;

    private static final int VERSION = 1;

    /**
     * What an image must fit: the module.
     *
     * @param digest the digest of the module's bytes
     * @param functions the number of functions, imported ones included
     * @param references for each global of the module's own whether it is a reference
     * @param maxima for each table of the module's own the largest size
     * @param data the number of data segments
     * @param elements the number of element segments
     */
    public record Shape(
            String digest, int functions, List<Boolean> references, List<Long> maxima, int data, int elements) {}

    /** Returns the values as bytes, little-endian. */
    byte[] encode(String digest) {
        byte[] name = digest.getBytes(StandardCharsets.UTF_8);
        int length = 6 * Integer.BYTES + name.length + globals.size() * 2 * Long.BYTES;
        for (int[] table : tables) {
            length += Integer.BYTES + table.length * Integer.BYTES;
        }
        length += droppedData.size() + droppedElements.size();
        ByteBuffer bytes = ByteBuffer.allocate(length).order(ByteOrder.LITTLE_ENDIAN);
        bytes.putInt(VERSION).putInt(name.length).put(name).putInt(globals.size());
        for (long[] global : globals) {
            bytes.putLong(global[0]).putLong(global[1]);
        }
        bytes.putInt(tables.size());
        for (int[] table : tables) {
            bytes.putInt(table.length);
            for (int entry : table) {
                bytes.putInt(entry);
            }
        }
        put(bytes, droppedData);
        put(bytes, droppedElements);
        return bytes.array();
    }

    private static void put(ByteBuffer bytes, List<Boolean> dropped) {
        bytes.putInt(dropped.size());
        for (boolean is : dropped) {
            bytes.put((byte) (is ? 1 : 0));
        }
    }

    /** Reads the values of an instance of a module, and checks that each fits the module. */
    static InstanceValues decode(byte[] from, Shape shape) throws IOException {
        Decoder decoder = new Decoder(ByteBuffer.wrap(from).order(ByteOrder.LITTLE_ENDIAN));
        decoder.check(decoder.number() == VERSION, "another version");
        byte[] name = new byte[decoder.count(1)];
        decoder.bytes.get(name);
        decoder.check(new String(name, StandardCharsets.UTF_8).equals(shape.digest), "another module");
        List<long[]> globals = new ArrayList<>();
        decoder.check(decoder.count(2 * Long.BYTES) == shape.references.size(), "globals");
        for (boolean isReference : shape.references) {
            long[] global = {decoder.bytes.getLong(), decoder.bytes.getLong()};
            decoder.check(!isReference || decoder.isReference(global[0], shape), "a global");
            globals.add(global);
        }
        List<int[]> tables = new ArrayList<>();
        decoder.check(decoder.count(Integer.BYTES) == shape.maxima.size(), "tables");
        for (long maximum : shape.maxima) {
            int[] table = new int[decoder.count(Integer.BYTES)];
            decoder.check(table.length <= maximum, "the size of a table");
            for (int i = 0; i < table.length; i++) {
                table[i] = decoder.bytes.getInt();
                decoder.check(decoder.isReference(table[i], shape), "a table");
            }
            tables.add(table);
        }
        List<Boolean> data = decoder.dropped(shape.data);
        List<Boolean> elements = decoder.dropped(shape.elements);
        decoder.check(!decoder.bytes.hasRemaining(), "length");
        return new InstanceValues(globals, tables, data, elements);
    }

    private record Decoder(ByteBuffer bytes) {
        void check(boolean isRight, String what) throws IOException {
            if (!isRight) {
                throw new IOException("the image does not fit the module: " + what);
            }
        }

        int number() throws IOException {
            check(bytes.remaining() >= Integer.BYTES, "length");
            return bytes.getInt();
        }

        /** Reads a number of elements, each of which takes so many bytes, and checks that they are there. */
        int count(int each) throws IOException {
            int count = number();
            check(count >= 0 && (long) count * each <= bytes.remaining(), "length");
            return count;
        }

        boolean isReference(long value, Shape shape) {
            return value >= NULL && value < shape.functions;
        }

        List<Boolean> dropped(int expected) throws IOException {
            check(count(1) == expected, "segments");
            List<Boolean> dropped = new ArrayList<>(expected);
            for (int i = 0; i < expected; i++) {
                dropped.add(bytes.get() != 0);
            }
            return dropped;
        }
    }
}
