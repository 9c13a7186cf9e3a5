from layerkit import Parameter, State
from layerkit.contracts.ownership import parts, variables


class Owner:
    """Something that owns variables, as layers and optimizers do."""

    owns_variables = True


def test_variables_are_found_in_the_order_they_were_declared():
    owner = Owner()
    owner.b, owner.not_a_variable, owner.a = State((1,)), "text", Parameter((1,))

    assert list(variables(owner)) == [("b", owner.b), ("a", owner.a)]


def test_variables_inside_get_dotted_names():
    owner, inner, block = Owner(), Owner(), Owner()
    inner.W, block.W = Parameter((1,)), Parameter((1,))
    owner.inner, owner.blocks, owner.pairs = inner, [Owner(), block], ((State((1,)),),)

    assert [name for name, _ in variables(owner)] == ["inner.W", "blocks.1.W", "pairs.0.0"]


def test_a_variable_with_two_names_is_found_once_under_the_first():
    owner, block = Owner(), Owner()
    block.W = Parameter((1,))
    owner.blocks = [block]
    owner.last = block
    owner.weights = block.W

    assert list(variables(owner)) == [("blocks.0.W", block.W)]


def test_owners_that_know_each_other_are_found_once():
    outer, inner = Owner(), Owner()
    outer.inner, inner.outer = inner, outer
    inner.W = Parameter((1,))

    assert list(parts(outer)) == [("inner", inner), ("inner.W", inner.W)]
