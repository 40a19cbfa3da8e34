// SPDX-License-Identifier: Apache-2.0
package dev.samara.core.docs;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.objectweb.asm.Handle;
import org.objectweb.asm.Label;
import org.objectweb.asm.MethodVisitor;
import org.objectweb.asm.Opcodes;
import org.objectweb.asm.Type;

/** The instructions of a method in a class file, with its exception handlers. */
final class InstructionList extends MethodVisitor {
    /** The exception handler of a range of labels. */
    record Handler(
            Label from, Label to, Label start, @Nullable String type) {
        boolean isOfAll() {
            return type == null || type.equals("java/lang/Throwable");
        }
    }

    /** An instruction, without its constant operands. */
    static final class Instruction {
        final int opcode;
        final int line;
        final List<Label> targets = new ArrayList<>();
        int variable = -1;
        String owner = "";
        String descriptor = "";

        @Nullable
        String name;

        Instruction(int opcode, int line) {
            this.opcode = opcode;
            this.line = line;
        }

        String nameOf() {
            return Objects.requireNonNull(name);
        }

        boolean isCall() {
            return opcode >= Opcodes.INVOKEVIRTUAL && opcode <= Opcodes.INVOKEDYNAMIC;
        }

        boolean isReturn() {
            return opcode >= Opcodes.IRETURN && opcode <= Opcodes.RETURN;
        }

        boolean endsHere() {
            return isReturn()
                    || opcode == Opcodes.ATHROW
                    || opcode == Opcodes.GOTO
                    || opcode == Opcodes.TABLESWITCH
                    || opcode == Opcodes.LOOKUPSWITCH;
        }

        /**
         * Returns whether the instruction allocates, throws, divides or calls. Null pointers and array indexes are not
         * considered.
         */
        boolean mayFail() {
            return switch (opcode) {
                case Opcodes.NEW,
                        Opcodes.NEWARRAY,
                        Opcodes.ANEWARRAY,
                        Opcodes.MULTIANEWARRAY,
                        Opcodes.IDIV,
                        Opcodes.LDIV,
                        Opcodes.IREM,
                        Opcodes.LREM,
                        Opcodes.ATHROW -> true;
                // A string, which may be allocated at its first use.
                case Opcodes.LDC -> variable == 0;
                default -> isCall();
            };
        }

        @Override
        public String toString() {
            return name == null ? "instruction " + opcode : owner.substring(owner.lastIndexOf('/') + 1) + "." + name;
        }
    }

    private static final int LONGEST_GETTER = 4;

    final String method;
    private final boolean isStatic;
    private final List<Instruction> instructions = new ArrayList<>();
    private final List<Handler> handlers = new ArrayList<>();
    private final IdentityHashMap<Label, Integer> indexes = new IdentityHashMap<>();
    private int line;

    InstructionList(String method, boolean isStatic) {
        super(Opcodes.ASM9);
        this.method = method;
        this.isStatic = isStatic;
    }

    static int arguments(String descriptor) {
        return Type.getArgumentTypes(descriptor).length;
    }

    /** Returns the class of the method. */
    String owner() {
        return method.substring(0, method.lastIndexOf('.'));
    }

    boolean isStatic() {
        return isStatic;
    }

    int size() {
        return instructions.size();
    }

    Instruction get(int at) {
        return instructions.get(at);
    }

    int index(Label label) {
        return Objects.requireNonNull(indexes.get(label), "a label of the method");
    }

    /** Returns the handlers that cover an instruction, the innermost first. */
    List<Handler> handlers(int at) {
        List<Handler> of = new ArrayList<>();
        for (Handler handler : handlers) {
            if (index(handler.from) <= at && at < index(handler.to)) {
                of.add(handler);
                if (handler.isOfAll()) {
                    break;
                }
            }
        }
        return of;
    }

    /** Returns whether the method only reads fields, makes only calls that cannot fail, and returns the result. */
    boolean returnsField(Predicate<Instruction> isSafe) {
        boolean isField = size() <= LONGEST_GETTER;
        for (int i = 0; isField && i < size() - 1; i++) {
            Instruction each = get(i);
            isField = each.opcode == Opcodes.ALOAD
                    || each.opcode == Opcodes.GETFIELD
                    || (each.isCall() && isSafe.test(each));
        }
        return isField && size() > 0 && get(size() - 1).isReturn();
    }

    private Instruction add(int opcode) {
        Instruction added = new Instruction(opcode, line);
        instructions.add(added);
        return added;
    }

    private void add(int opcode, String owner, String name, String descriptor) {
        Instruction added = add(opcode);
        added.owner = owner;
        added.name = name;
        added.descriptor = descriptor;
    }

    @Override
    public void visitLabel(Label label) {
        indexes.put(label, size());
    }

    @Override
    public void visitLineNumber(int number, Label start) {
        line = number;
    }

    @Override
    public void visitTryCatchBlock(Label start, Label end, Label handler, @Nullable String type) {
        handlers.add(new Handler(start, end, handler, type));
    }

    @Override
    public void visitInsn(int opcode) {
        add(opcode);
    }

    @Override
    public void visitIntInsn(int opcode, int operand) {
        add(opcode);
    }

    @Override
    public void visitVarInsn(int opcode, int variable) {
        add(opcode).variable = variable;
    }

    @Override
    public void visitTypeInsn(int opcode, String type) {
        add(opcode, type, "type", "");
    }

    @Override
    public void visitFieldInsn(int opcode, String owner, String name, String descriptor) {
        add(opcode, owner, name, descriptor);
    }

    @Override
    public void visitMethodInsn(int opcode, String owner, String name, String descriptor, boolean isInterface) {
        add(opcode, owner, name, descriptor);
    }

    @Override
    public void visitInvokeDynamicInsn(String name, String descriptor, Handle method, Object... arguments) {
        add(Opcodes.INVOKEDYNAMIC, "", name, descriptor);
    }

    @Override
    public void visitJumpInsn(int opcode, Label label) {
        add(opcode).targets.add(label);
    }

    @Override
    public void visitLdcInsn(Object value) {
        add(Opcodes.LDC).variable = value instanceof Number ? 1 : 0;
    }

    @Override
    public void visitIincInsn(int variable, int increment) {
        add(Opcodes.IINC).variable = variable;
    }

    @Override
    public void visitTableSwitchInsn(int min, int max, Label other, Label... labels) {
        Instruction added = add(Opcodes.TABLESWITCH);
        added.targets.addAll(List.of(labels));
        added.targets.add(other);
    }

    @Override
    public void visitLookupSwitchInsn(Label other, int[] keys, Label[] labels) {
        Instruction added = add(Opcodes.LOOKUPSWITCH);
        added.targets.addAll(List.of(labels));
        added.targets.add(other);
    }

    @Override
    public void visitMultiANewArrayInsn(String descriptor, int dimensions) {
        add(Opcodes.MULTIANEWARRAY);
    }
}
