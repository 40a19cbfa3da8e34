// SPDX-License-Identifier: Apache-2.0
package dev.samara.examples;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * Writes the class file of a class with a constructor and one method. It knows the part of the format that {@link
 * BlockTranslator} needs. At each target of a jump, the stack is empty, and the types of the local variables are those
 * at the first target.
 */
final class ClassFileWriter {
    /** The version of Java 17. */
    private static final int VERSION = 61;

    private static final int MAGIC = 0xcafebabe;
    private static final int PUBLIC = 1;
    private static final int FINAL_SUPER = 0x30;

    private static final int UTF8 = 1;
    private static final int LONG = 5;
    private static final int CLASS = 7;
    private static final int METHOD = 10;
    private static final int NAME_AND_TYPE = 12;

    private static final int FULL_FRAME = 255;
    private static final int SAME_FRAME_EXTENDED = 251;
    private static final int LONG_TYPE = 4;
    private static final int OBJECT_TYPE = 7;

    private static final int ALOAD_0 = 42;
    private static final int LDC2_W = 20;
    private static final int INVOKEVIRTUAL = 182;
    private static final int INVOKESPECIAL = 183;
    private static final int RETURN = 177;

    /** A place in the code. */
    static final class Label {
        private int at = -1;
    }

    /** The operand of a jump: its place and its target. */
    private record Jump(int instruction, Label to) {}

    private final ByteString constants = new ByteString();
    private final Map<List<Object>, Integer> constantIndexes = new HashMap<>();
    private int nextConstant = 1;

    private final ByteString code = new ByteString();
    private final List<Jump> jumps = new ArrayList<>();

    /** Bytes that a program appends to; they fail only if there is no memory. */
    private static final class ByteString {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final DataOutputStream out = new DataOutputStream(bytes);

        /** Writes to the stream. */
        private interface Addition {
            void write(DataOutputStream to) throws IOException;
        }

        ByteString add(Addition step) {
            try {
                step.write(out);
                return this;
            } catch (IOException impossible) {
                throw new AssertionError(impossible);
            }
        }

        ByteString one(int value) {
            return add(to -> to.writeByte(value));
        }

        ByteString two(int value) {
            return add(to -> to.writeShort(value));
        }

        ByteString four(int value) {
            return add(to -> to.writeInt(value));
        }

        ByteString all(ByteString of) {
            return add(to -> of.bytes.writeTo(to));
        }

        int size() {
            return bytes.size();
        }

        byte[] toArray() {
            return bytes.toByteArray();
        }
    }

    private int constant(int slots, List<Object> key, ByteString.Addition step) {
        Integer known = constantIndexes.get(key);
        if (known != null) {
            return known;
        }
        constants.add(step);
        int index = nextConstant;
        nextConstant += slots;
        constantIndexes.put(key, index);
        return index;
    }

    private int utf8(String text) {
        return constant(1, List.of(UTF8, text), to -> {
            to.writeByte(UTF8);
            to.writeUTF(text);
        });
    }

    private int pair(int kind, int first, int second) {
        return constant(1, List.of(kind, first, second), to -> {
            to.writeByte(kind);
            to.writeShort(first);
            to.writeShort(second);
        });
    }

    private int type(String name) {
        int text = utf8(name);
        return constant(1, List.of(CLASS, text), to -> {
            to.writeByte(CLASS);
            to.writeShort(text);
        });
    }

    private int method(String owner, String name, String descriptor) {
        return pair(METHOD, type(owner), pair(NAME_AND_TYPE, utf8(name), utf8(descriptor)));
    }

    /** Adds an instruction without an operand. */
    void op(int opcode) {
        code.one(opcode);
    }

    /** Adds an instruction with the number of a local variable, or another operand of one byte. */
    void op(int opcode, int operand) {
        code.one(opcode).one(operand);
    }

    /** Adds an instruction that pushes a long. */
    void push(long value) {
        int index = constant(2, List.of(LONG, value), to -> {
            to.writeByte(LONG);
            to.writeLong(value);
        });
        code.one(LDC2_W).two(index);
    }

    /** Adds a call of a method that is not static. */
    void call(String owner, String name, String descriptor) {
        code.one(INVOKEVIRTUAL).two(method(owner, name, descriptor));
    }

    /** Adds a jump. */
    void jump(int opcode, Label to) {
        jumps.add(new Jump(code.size(), to));
        code.one(opcode).two(0);
    }

    /** Sets a label to the end of the code so far. */
    void place(Label label) {
        label.at = code.size();
    }

    /**
     * Returns the class file.
     *
     * @param name the internal name of the class
     * @param implemented the internal name of its interface
     * @param method the name of the method that has the code
     * @param descriptor of that method
     * @param locals the types of local variables at all targets of jumps: "J" for a long, or an internal name
     */
    byte[] write(String name, String implemented, String method, String descriptor, List<String> locals) {
        ByteString constructor = new ByteString();
        constructor.one(ALOAD_0).one(INVOKESPECIAL).two(method("java/lang/Object", "<init>", "()V"));
        constructor.one(RETURN);
        ByteString members = new ByteString();
        members.two(FINAL_SUPER).two(type(name)).two(type("java/lang/Object"));
        members.two(1).two(type(implemented));
        members.two(0).two(2);
        members.all(member("<init>", "()V", constructor.toArray(), 1, new ByteString().two(0)));
        members.all(member(method, descriptor, patched(), 2 * locals.size(), frames(locals)));
        members.two(0);
        ByteString file = new ByteString();
        file.four(MAGIC).two(0).two(VERSION).two(nextConstant).all(constants).all(members);
        return file.toArray();
    }

    private ByteString member(String name, String descriptor, byte[] instructions, int locals, ByteString attributes) {
        int most = 16;
        int length = 2 + 2 + 4 + instructions.length + 2 + attributes.size();
        return new ByteString()
                .two(PUBLIC)
                .two(utf8(name))
                .two(utf8(descriptor))
                .two(1)
                .two(utf8("Code"))
                .four(length)
                .two(most)
                .two(locals)
                .four(instructions.length)
                .add(to -> to.write(instructions))
                .two(0)
                .all(attributes);
    }

    /** Returns the code with the distances of its jumps. */
    private byte[] patched() {
        byte[] bytes = code.toArray();
        for (Jump jump : jumps) {
            int distance = jump.to.at - jump.instruction;
            bytes[jump.instruction + 1] = (byte) (distance >> Byte.SIZE);
            bytes[jump.instruction + 2] = (byte) distance;
        }
        return bytes;
    }

    /** Returns the attributes of the code: the number 1, and the types at each target of a jump. */
    private ByteString frames(List<String> locals) {
        TreeSet<Integer> targets = new TreeSet<>();
        jumps.forEach(jump -> targets.add(jump.to.at));
        ByteString entries = new ByteString();
        int before = -1;
        for (int target : targets) {
            int delta = target - before - 1;
            if (before >= 0) {
                entries.one(SAME_FRAME_EXTENDED).two(delta);
            } else {
                entries.one(FULL_FRAME).two(delta).two(locals.size());
                locals.forEach(local -> {
                    if (local.equals("J")) {
                        entries.one(LONG_TYPE);
                    } else {
                        entries.one(OBJECT_TYPE).two(type(local));
                    }
                });
                entries.two(0);
            }
            before = target;
        }
        ByteString attribute = new ByteString();
        attribute.two(1).two(utf8("StackMapTable")).four(2 + entries.size());
        return attribute.two(targets.size()).all(entries);
    }
}
