// SPDX-License-Identifier: Apache-2.0
package dev.samara.interleave.instrument;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.ClassReader;
import org.objectweb.asm.ClassVisitor;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** The sizes of the frames that the interpreter of HotSpot makes for the methods of a class, on 64 bits. */
final class FrameSizes extends ClassVisitor {
    private static final int WORD = 8;

    /** The words of a frame beside locals and operands. */
    private static final int FIXED = 12;

    private final Map<String, Integer> words = new HashMap<>();

    private FrameSizes() {
        super(Opcodes.ASM9);
    }

    static FrameSizes of(ClassReader reader) {
        FrameSizes sizes = new FrameSizes();
        reader.accept(sizes, ClassReader.SKIP_DEBUG | ClassReader.SKIP_FRAMES);
        return sizes;
    }

    /** Returns the bytes of a frame. Its arguments are operands of its caller. */
    int bytes(String method, String descriptor) {
        return words.getOrDefault(method + descriptor, FIXED) * WORD;
    }

    @Override
    public MethodVisitor visitMethod(
            int access, String name, String descriptor, @Nullable String signature, String @Nullable [] exceptions) {
        return new MethodVisitor(Opcodes.ASM9) {
            @Override
            public void visitMaxs(int maxStack, int maxLocals) {
                int self = (access & Opcodes.ACC_STATIC) == 0 ? 0 : 1;
                int arguments = (Type.getArgumentsAndReturnSizes(descriptor) >> 2) - self;
                words.put(name + descriptor, FIXED + maxStack + maxLocals - arguments);
            }
        };
    }
}
