// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import dev.samara.core.guest.FlatMemory;
import dev.samara.core.guest.TlbArrays;
import java.lang.invoke.MethodHandles;
import java.util.List;

/**
 * Translates a block of guest code to a class. Its accesses to memory read the arrays of the TLB by the rules of
 * {@link TlbArrays}: they call a method only if they miss.
 */
final class BlockTranslator {
    private static final String NAME = internal(BlockTranslator.class) + "$Generated";
    private static final String MEMORY = internal(FlatMemory.class);
    private static final String TLB = internal(TlbArrays.class);
    private static final String BUFFER = "java/nio/MappedByteBuffer";
    private static final String LONGS = "[J";

    /* Local variables. Those of longs take two places. */
    private static final int OF_MEMORY = 1;
    private static final int REGISTERS = 2;
    private static final int OF_TLB = 3;
    private static final int LOAD_TAGS = 4;
    private static final int STORE_TAGS = 5;
    private static final int ADDENDS = 6;
    private static final int REGION = 7;
    private static final int KEY = 8;
    private static final int ADDRESS = 10;
    private static final List<String> LOCALS = List.of(NAME, MEMORY, LONGS, TLB, LONGS, LONGS, LONGS, BUFFER, "J", "J");

    /* Instructions of the JVM. */
    private static final int ICONST_1 = 4;
    private static final int BIPUSH = 16;
    private static final int LLOAD = 22;
    private static final int ALOAD = 25;
    private static final int LALOAD = 47;
    private static final int LSTORE = 55;
    private static final int ASTORE = 58;
    private static final int LASTORE = 80;
    private static final int POP = 87;
    private static final int LADD = 97;
    private static final int ISUB = 100;
    private static final int LUSHR = 125;
    private static final int IAND = 126;
    private static final int LAND = 127;
    private static final int LOR = 129;
    private static final int L2I = 136;
    private static final int LCMP = 148;
    private static final int IFNE = 154;
    private static final int GOTO = 167;
    private static final int RETURN = 177;
    private static final int ARRAYLENGTH = 190;

    private final ClassFileWriter code = new ClassFileWriter();

    private BlockTranslator() {}

    private static String internal(Class<?> type) {
        return type.getName().replace('.', '/');
    }

    /** Returns the translation of a block, which may be used by any CPU. */
    static GuestBlock.Code translate(GuestBlock block) {
        byte[] file = new BlockTranslator().file(block);
        try {
            return (GuestBlock.Code) MethodHandles.lookup()
                    .defineHiddenClass(file, true)
                    .lookupClass()
                    .getDeclaredConstructor()
                    .newInstance();
        } catch (ReflectiveOperationException failed) {
            throw new IllegalStateException("the translation of " + block + " cannot be loaded", failed);
        }
    }

    private byte[] file(GuestBlock block) {
        code.op(ALOAD, OF_MEMORY);
        code.call(MEMORY, "tlb", "()L" + TLB + ";");
        code.op(ASTORE, OF_TLB);
        code.push(0);
        code.op(LSTORE, ADDRESS);
        readArrays();
        ClassFileWriter.Label begin = new ClassFileWriter.Label();
        code.place(begin);
        code.op(ALOAD, OF_MEMORY);
        code.call(MEMORY, "poll", "()V");
        readArrays();
        block.instructions().forEach(this::translate);
        register(block.counter());
        code.op(LALOAD);
        code.push(0);
        code.op(LCMP);
        code.jump(IFNE, begin);
        code.op(RETURN);
        return code.write(NAME, internal(GuestBlock.Code.class), "run", "(L" + MEMORY + ";[J)V", LOCALS);
    }

    /** Reads everything that is valid until the next call only. */
    private void readArrays() {
        read("loadTags", LONGS, ASTORE, LOAD_TAGS);
        read("storeTags", LONGS, ASTORE, STORE_TAGS);
        read("addends", LONGS, ASTORE, ADDENDS);
        read("region", "L" + BUFFER + ";", ASTORE, REGION);
        read("key", "J", LSTORE, KEY);
    }

    private void read(String what, String type, int store, int local) {
        code.op(ALOAD, OF_TLB);
        code.call(TLB, what, "()" + type);
        code.op(store, local);
    }

    private void translate(GuestBlock.Instruction each) {
        switch (each.kind()) {
            case LOAD -> {
                sum(each);
                code.op(LSTORE, ADDRESS);
                load(each.of());
            }
            case STORE -> {
                sum(each);
                code.op(LSTORE, ADDRESS);
                store(each.of());
            }
            case ADD -> {
                register(each.of());
                sum(each);
                register(each.of());
                code.op(LALOAD);
                code.op(LADD);
                code.op(LASTORE);
            }
            case SET -> {
                register(each.of());
                sum(each);
                code.op(LASTORE);
            }
        }
    }

    /** Pushes the register and the number of an instruction, added. */
    private void sum(GuestBlock.Instruction each) {
        register(each.base());
        code.op(LALOAD);
        code.push(each.number());
        code.op(LADD);
    }

    /** Pushes the array of registers and an index in it. */
    private void register(int number) {
        code.op(ALOAD, REGISTERS);
        code.op(BIPUSH, number);
    }

    private void load(int register) {
        ClassFileWriter.Label miss = new ClassFileWriter.Label();
        ClassFileWriter.Label done = new ClassFileWriter.Label();
        compare(LOAD_TAGS, miss);
        register(register);
        code.op(ALOAD, REGION);
        index();
        code.call(BUFFER, "getLong", "(I)J");
        code.op(LASTORE);
        code.jump(GOTO, done);
        code.place(miss);
        register(register);
        code.op(ALOAD, OF_MEMORY);
        code.op(LLOAD, ADDRESS);
        code.call(MEMORY, "loadLong", "(J)J");
        code.op(LASTORE);
        readArrays();
        code.place(done);
    }

    private void store(int register) {
        ClassFileWriter.Label miss = new ClassFileWriter.Label();
        ClassFileWriter.Label done = new ClassFileWriter.Label();
        compare(STORE_TAGS, miss);
        code.op(ALOAD, REGION);
        index();
        register(register);
        code.op(LALOAD);
        code.call(BUFFER, "putLong", "(IJ)Ljava/nio/ByteBuffer;");
        code.op(POP);
        code.jump(GOTO, done);
        code.place(miss);
        code.op(ALOAD, OF_MEMORY);
        code.op(LLOAD, ADDRESS);
        register(register);
        code.op(LALOAD);
        code.call(MEMORY, "storeLong", "(JJ)V");
        readArrays();
        code.place(done);
    }

    /** Jumps if an access to eight bytes at the address misses. */
    private void compare(int tags, ClassFileWriter.Label miss) {
        element(tags);
        code.op(LLOAD, ADDRESS);
        code.push(Long.BYTES - 1);
        code.op(LADD);
        code.push(TlbArrays.GRANULE_MASK);
        code.op(LAND);
        code.op(LLOAD, KEY);
        code.op(LOR);
        code.op(LCMP);
        code.jump(IFNE, miss);
    }

    /** Pushes the element of an array that is in the slot of the address. */
    private void element(int array) {
        code.op(ALOAD, array);
        code.op(LLOAD, ADDRESS);
        code.op(BIPUSH, TlbArrays.GRANULE_SHIFT);
        code.op(LUSHR);
        code.op(L2I);
        code.op(ALOAD, array);
        code.op(ARRAYLENGTH);
        code.op(ICONST_1);
        code.op(ISUB);
        code.op(IAND);
        code.op(LALOAD);
    }

    /** Pushes the index of the address in the region. */
    private void index() {
        element(ADDENDS);
        code.op(LLOAD, ADDRESS);
        code.op(LADD);
        code.op(L2I);
    }
}
