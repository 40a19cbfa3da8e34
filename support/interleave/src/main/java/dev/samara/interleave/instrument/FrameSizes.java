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

/** The sizes of the stack frames that HotSpot's interpreter creates for the methods of a class, on 64-bit machines. */
final class FrameSizes extends ClassVisitor {
    private static final int WORD = 8;

    /** The number of words of a frame in addition to locals and operands. */
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

    /**
     * Returns the size of a method's frame in bytes. It excludes the arguments, which are operands in the caller's
     * frame.
     */
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
